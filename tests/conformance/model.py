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
    if protocol in ("query", "ec2", "rest-xml"):
        return complaints + _xml_complaints(operation, protocol, body)
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
    if operation.service_model.metadata["protocol"] in ("query", "ec2"):
        request = _of_text(shape, request)
    lenient = ParamValidator().validate(request, shape)
    complaints = lenient.generate_report().splitlines() if lenient.has_errors() else []
    return complaints + complaints_of(shape, request, "", timestamps="unixTimestamp", wire=False)


def _of_text(shape, value):
    """A value of a form, in which everything is text, with the types that its shape has. What does not fit stays text."""
    kind = shape.type_name
    if kind == "structure" and isinstance(value, dict):
        return {name: _of_text(shape.members[name], item) if name in shape.members else item for name, item in value.items()}
    if kind == "list" and isinstance(value, list):
        return [_of_text(shape.member, item) for item in value]
    if kind in ("integer", "long") and isinstance(value, str) and value.lstrip("-").isdigit():
        return int(value)
    if kind == "boolean":
        return {"true": True, "false": False}.get(value, value) if isinstance(value, str) else value
    return value


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
            f"{path}/{name}: required and not there"
            for name in shape.required_members
            if (shape.members[name].serialization.get("name", name) if wire else name) not in value
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
        # EC2 writes the state of an endpoint with a small first letter, whatever its model says.
        if shape.name == "State" and value[:1].upper() + value[1:] in shape.enum:
            return []
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


def _xml_complaints(operation, protocol, body):
    """The answer of an XML protocol: the envelope that the protocol wants, and its content by the output shape."""
    shape = operation.output_shape
    payload = shape.serialization.get("payload") if shape is not None else None
    if protocol == "rest-xml":
        if payload:
            shape = shape.members[payload]
        if shape is None or not any("location" not in member.serialization for member in getattr(shape, "members", {}).values()):
            if payload:
                return [] if body else ["the payload is empty"]
            return [f"the model has no body, the answer has {body!r}"] if body else []
    root = ElementTree.fromstring(body)
    if operation.name == "GetBucketLocation":
        # The root is the member; no shape says so.
        return [] if _local(root) == "LocationConstraint" and not len(root) else [f"the answer is {body!r}"]
    if protocol != "rest-xml" and _local(root) != f"{operation.name}Response":
        return [f"the root element is {root.tag}"]
    if protocol == "query":
        results = [child for child in root if _local(child) == f"{operation.name}Result"]
        if len(results) != (0 if shape is None else 1):
            return [f"there are {len(results)} result wrappers"]
        if shape is None:
            return []
        (root,) = results
    if shape is None:
        return []
    if protocol == "ec2":
        for envelope in [child for child in root if _local(child) == "requestId"]:
            root.remove(envelope)
    return complaints_of(shape, _xml_tree(shape, root), "", timestamps="iso8601")


def _local(element):
    return element.tag.rsplit("}", 1)[-1]


def _xml_tree(shape, element):
    """An element as the value that JSON would have, with its members under their names on the wire."""
    kind = shape.type_name if shape is not None else "string"
    if kind == "structure":
        tree = {}
        for member in shape.members.values():
            if member.type_name == "list" and member.serialization.get("flattened"):
                name = _wire_name(shape, member)
                items = [child for child in element if _local(child) == name]
                if items:
                    tree[name] = [_xml_tree(member.member, child) for child in items]
        for child in element:
            name = _local(child)
            if name not in tree:
                member = next((inner for inner in shape.members.values() if _wire_name(shape, inner) == name), None)
                tree[name] = _xml_tree(member, child)
        return tree
    if kind == "list":
        return [_xml_tree(shape.member, child) for child in element]
    text = element.text or ""
    if kind in ("integer", "long"):
        return int(text)
    if kind == "boolean":
        return {"true": True, "false": False}[text]
    return text


def _wire_name(shape, member):
    return member.serialization.get("name") or next(name for name, inner in shape.members.items() if inner is member)


def _error_complaints(operation, protocol, status, body):
    try:
        if protocol == "rest-xml" and not body:  # The answer to a HEAD request.
            return []
        if protocol in ("query", "ec2", "rest-xml"):
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
    # The models of EC2 and S3 name few of their errors or none.
    if protocol in ("ec2", "rest-xml"):
        return []
    common = COMMON_ERRORS[protocol]
    if code not in common:
        return [f"the model has no error {code} for {operation.name}"]
    wanted = common[code]
    return [] if status == wanted else [f"{code} with HTTP status {status}, expected {wanted}"]
