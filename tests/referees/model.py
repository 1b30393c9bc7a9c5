"""What botocore's service models say about a request or an answer, held against the bytes.

botocore itself is lenient: a parser drops members that it does not know, and its validator knows neither enums nor
patterns. This is the strict reading. A complaint is one line, "path: what is wrong".
"""

import json
import re
import xml.etree.ElementTree as ElementTree
from datetime import datetime

import botocore.session

_SESSION = botocore.session.Session()
_MODELS = {}

# Errors of every operation of a service, which its model does not list per operation, with their HTTP status.
COMMON_ERRORS = {
    "rest-json": {
        "AccessDeniedException": 403,
        "ExpiredTokenException": 403,
        "ThrottlingException": 429,
        "UnrecognizedClientException": 403,
        "MissingAuthenticationTokenException": 403,
        "UnknownOperationException": 404,
        "ValidationException": 400,
    },
    "json": {
        "AccessDeniedException": 400,
        "ExpiredTokenException": 400,
        "SerializationException": 400,
        "ThrottlingException": 400,
        "UnknownOperationException": 400,
        "UnrecognizedClientException": 400,
        "ValidationException": 400,
    },
    "query": {
        "AccessDenied": 403,
        "InvalidAction": 400,
        "InvalidClientTokenId": 403,
        "Throttling": 400,
        "ValidationError": 400,
        "ExpiredToken": 403,
    },
}


def service_model(service):
    if service not in _MODELS:
        _MODELS[service] = _SESSION.get_service_model(service)
    return _MODELS[service]


def operation_model(service, operation):
    return service_model(service).operation_model(operation)


def answer_complaints(operation, status, body):
    """What is wrong with the raw answer to an operation, success or error."""
    protocol = operation.service_model.resolved_protocol
    if status >= 300:
        return _error_complaints(operation, protocol, status, body)
    complaints = []
    wanted = operation.http.get("responseCode", 200)
    if status != wanted:
        complaints.append(f"HTTP status {status}: the model says {wanted}")
    if protocol == "query":
        return complaints + _query_complaints(operation, body)
    if operation.output_shape is None or not operation.output_shape.members:
        if body not in (b"", b"{}"):
            complaints.append(f"the model has no output, the answer has {body!r}")
        return complaints
    timestamps = "iso8601" if protocol == "rest-json" else "unixTimestamp"
    tree = json.loads(body)
    return complaints + complaints_of(operation.output_shape, tree, "", timestamps=timestamps)


def request_complaints(operation, request):
    """What is wrong with the members of a request, path and query members included."""
    from botocore.validate import ParamValidator

    shape = operation.input_shape
    if shape is None:
        return [f"the model has no input, the request has {request!r}"] if request else []
    lenient = ParamValidator().validate(request, shape)
    complaints = lenient.generate_report().splitlines() if lenient.has_errors() else []
    return complaints + complaints_of(shape, request, "", timestamps="unixTimestamp", wire=False)


def complaints_of(shape, value, path, timestamps, wire=True):
    """What is wrong with a JSON value, by its shape. `wire` says whether members have their names on the wire."""
    complain = lambda what: [f"{path or '/'}: {what}"]
    go = lambda inner, item, at: complaints_of(inner, item, f"{path}/{at}", timestamps, wire)
    kind = shape.type_name
    if kind == "structure":
        if not isinstance(value, dict):
            return complain(f"{value!r} is no structure")
        members = {
            inner.serialization.get("name", name) if wire else name: inner
            for name, inner in shape.members.items()
        }
        complaints = [f"{path}/{name}: the model has no such member" for name in value if name not in members]
        complaints += [
            f"{path}/{name}: required and not there" for name in shape.required_members if name not in value
        ]
        for name, item in value.items():
            if name in members:
                complaints += go(members[name], item, name)
        return complaints
    if kind == "list":
        if not isinstance(value, list):
            return complain(f"{value!r} is no list")
        # Answers do have empty lists where the model says at least one: a guardrail with managed words only has no words.
        complaints = [] if wire and not value else _range_complaints(shape, len(value), complain)
        for index, item in enumerate(value):
            complaints += go(shape.member, item, index)
        return complaints
    if kind == "map":
        if not isinstance(value, dict):
            return complain(f"{value!r} is no map")
        complaints = []
        for name, item in value.items():
            complaints += go(shape.key, name, name) + go(shape.value, item, name)
        return complaints
    if kind == "string":
        if not isinstance(value, str):
            return complain(f"{value!r} is no string")
        if shape.enum and value not in shape.enum:
            return complain(f"{value!r} is not in the enum {shape.enum}")
        return _range_complaints(shape, len(value), complain) + _pattern_complaints(shape, value, complain)
    if kind == "boolean":
        return [] if isinstance(value, bool) else complain(f"{value!r} is no boolean")
    if kind in ("integer", "long"):
        if isinstance(value, bool) or not isinstance(value, int):
            return complain(f"{value!r} is no {kind}")
        return _range_complaints(shape, value, complain)
    if kind in ("float", "double"):
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return complain(f"{value!r} is no {kind}")
        return _range_complaints(shape, value, complain)
    if kind == "timestamp":
        return _timestamp_complaints(shape.serialization.get("timestampFormat", timestamps), value, complain)
    return complain(f"a shape of type {kind} is not known here")


def _range_complaints(shape, size, complain):
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    if low is not None and size < low:
        return complain(f"{size} is below the minimum {low}")
    if high is not None and size > high:
        return complain(f"{size} is above the maximum {high}")
    return []


def _pattern_complaints(shape, value, complain):
    pattern = shape.metadata.get("pattern")
    try:
        fits = pattern is None or re.fullmatch(pattern, value)
    except re.error:  # Written for another regex dialect.
        return []
    return [] if fits else complain(f"{value!r} does not match {pattern}")


def _timestamp_complaints(form, value, complain):
    if form == "iso8601":
        try:
            datetime.fromisoformat(value)
            return []
        except (TypeError, ValueError):
            return complain(f"{value!r} is no ISO 8601 instant")
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return complain(f"{value!r} is no epoch instant")
    # Milliseconds instead of seconds would be an instant far in the future.
    return [] if 0 < value < 4102444800 else complain(f"{value!r} is no instant of this century in seconds")


def _query_complaints(operation, body):
    root = ElementTree.fromstring(body)
    local = lambda tag: tag.rsplit("}", 1)[-1]
    if local(root.tag) != f"{operation.name}Response":
        return [f"the root element is {root.tag}"]
    result = [child for child in root if local(child.tag) == operation.output_shape.serialization["resultWrapper"]]
    if len(result) != 1:
        return ["the result wrapper is not there"]

    def tree(shape, element):
        if shape is not None and shape.type_name == "structure":
            return {
                local(child.tag): tree(shape.members.get(local(child.tag)), child) for child in element
            }
        text = element.text or ""
        if shape is not None and shape.type_name in ("integer", "long"):
            return int(text)
        if shape is not None and shape.type_name == "boolean":
            return {"true": True, "false": False}[text]
        return text

    return complaints_of(
        operation.output_shape, tree(operation.output_shape, result[0]), "", timestamps="iso8601"
    )


def _error_complaints(operation, protocol, status, body):
    try:
        if protocol == "query":
            code = ElementTree.fromstring(body).find(".//{*}Code").text
        else:
            code = json.loads(body).get("__type")
    except (ValueError, ElementTree.ParseError, AttributeError) as error:
        return [f"an error that cannot be parsed: {error}"]
    if code is None:  # restJson1 names the error in a header, which the caller checks.
        return []
    return error_code_complaints(operation, status, code)


def error_code_complaints(operation, status, code):
    """Whether the model lets this operation end with this error code and this HTTP status."""
    protocol = operation.service_model.resolved_protocol
    for shape in operation.error_shapes:
        error = shape.metadata.get("error", {})
        if code == error.get("code", shape.name):
            wanted = error.get("httpStatusCode", 400)
            return [] if status == wanted else [f"{code} with HTTP status {status}: the model says {wanted}"]
    common = COMMON_ERRORS[protocol]
    if code not in common:
        return [f"the model has no error {code} for {operation.name}"]
    wanted = common[code]
    return [] if status == wanted else [f"{code} with HTTP status {status}, expected {wanted}"]
