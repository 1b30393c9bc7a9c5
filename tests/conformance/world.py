"""The emulator as a process, and clients that are not ours."""

import json
import os
import signal
import subprocess
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import boto3
import botocore.loaders
import botocore.session
from botocore.config import Config

import model

ROOT = Path(__file__).resolve().parents[2]
MANAGEMENT, PROD, STAGING = "111122223333", "222233334444", "333344445555"
REGION = "us-east-1"
GROUP = "/aws/bedrock/model-invocations"
PATIENCE = 30


# The models of the services are files of botocore that nothing changes. To read them once saves most of the time of a client.
MODELS = botocore.loaders.create_loader()


def session():
    """A boto3 session of its own, but for the models."""
    own = botocore.session.Session()
    own.register_component("data_loader", MODELS)
    return boto3.Session(botocore_session=own)


def binary():
    path = os.environ.get("BEDROCK_RECONCILER")
    if not path:
        raise SystemExit("failed to find the binary: tests/conformance/run sets BEDROCK_RECONCILER")
    return path


def environment(home, account=MANAGEMENT, region=REGION, endpoint=None):
    """All that a child process knows: nothing of the machine's own AWS configuration."""
    known = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "AWS_ACCESS_KEY_ID": account,
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_PAGER": "",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    if endpoint:
        known["AWS_ENDPOINT_URL"] = endpoint
    return known


@contextmanager
def process(command, home):
    """A child that is ended by its own handle, whatever happens."""
    child = subprocess.Popen(command, env=environment(home), stdout=subprocess.PIPE, text=True, cwd=home)
    try:
        yield child
    finally:
        child.send_signal(signal.SIGTERM)
        try:
            child.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        child.stdout.close()


class Emulator:
    """A running emulator: its address, its admin endpoints and boto3 clients of it."""

    def __init__(self, url):
        self.url = url

    @classmethod
    @contextmanager
    def serving(cls, scenario, home):
        command = [binary(), "emulator", "--listen", "127.0.0.1:0", "--scenario", scenario]
        with process(command, home) as child:
            line = child.stdout.readline().strip()
            prefix = "listening on "
            assert line.startswith(prefix + "http://127.0.0.1:"), f"the first line of stdout was {line!r}"
            yield cls(line.removeprefix(prefix))

    def admin(self, method, endpoint, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/_emulator/{endpoint}", data=data, method=method)
        with urllib.request.urlopen(request, timeout=PATIENCE) as response:
            return json.load(response)

    def fault(self, then, times=1, **on):
        self.admin("POST", "faults", {"on": on, "times": times, "then": then})

    def options(self, **changes):
        self.admin("POST", "options", changes)

    def calls(self):
        return self.admin("GET", "calls")

    def writes(self):
        return [call for call in self.calls() if not call["read_only"]]

    def forget_calls(self):
        self.admin("DELETE", "calls")

    def client(self, service, account=PROD, region=REGION, strict=True, session_token=None, secret="secret"):
        """A boto3 client without retries. A strict one fails on the first answer that the model does not allow."""
        client = session().client(
            service,
            region_name=region,
            endpoint_url=self.url,
            aws_access_key_id=account,
            aws_secret_access_key=secret,
            aws_session_token=session_token,
            config=Config(
                retries={"total_max_attempts": 1}, connect_timeout=PATIENCE, read_timeout=PATIENCE,
                # S3 Control puts the account in front of the address, which is no name then that can be resolved.
                proxies={"http": self.url} if service == "s3control" else None,
            ),
        )
        if strict:
            client.meta.events.register("before-parse.*", _refuse_what_the_model_does_not_allow)
        return client


class ModelViolation(AssertionError):
    """An answer that the service model does not allow."""


def _refuse_what_the_model_does_not_allow(operation_model, response_dict, **_):
    status, body = response_dict["status_code"], response_dict["body"]
    complaints = model.answer_complaints(operation_model, status, body)
    header = response_dict["headers"].get("x-amzn-errortype")
    if status >= 300 and header:
        complaints += model.error_code_complaints(operation_model, status, header)
    if not {"x-amzn-requestid", "x-amz-request-id"} & {name.lower() for name in response_dict["headers"]}:
        complaints.append("the answer has no request id")
    if complaints:
        raise ModelViolation(f"{operation_model.name}: " + "; ".join(complaints))


def error_of(call, **arguments):
    """Error code and HTTP status of a call that must fail."""
    from botocore.exceptions import ClientError

    try:
        answer = call(**arguments)
    except ClientError as error:
        return error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"]
    raise AssertionError(f"the call succeeded: {answer}")
