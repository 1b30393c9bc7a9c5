"""Every operation of the emulator, by boto3 and by the AWS CLI.

botocore validates the requests and parses the answers; on top of that each raw answer is held against the model's
output shape: no member that the model does not have, none that it requires missing, types, enums, ranges, patterns.
"""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import aws_cli
import model
import world
from operations import OPERATIONS, Prepared, call

SOURCES = world.ROOT / "reconciler" / "emulator" / "src"
every_operation = pytest.mark.parametrize("operation", OPERATIONS, ids=str)


def test_the_table_has_every_operation_that_the_emulator_serves():
    """The emulator keeps `const OPERATIONS: &[Action]` per service; what is there is in the table, and no more."""
    served = set()
    for source in SOURCES.rglob("*.rs"):
        for block in re.findall(r"const OPERATIONS: &\[Action\] =\s*&\[(.*?)\];", source.read_text(), re.S):
            service = source.parent.name if source.name == "mod.rs" else source.stem
            served |= {(service, name) for name in re.findall(r'\b(?:reads|writes)\(\s*"(\w+)",', block)}
    assert served, "no table of operations was found in the emulator"
    assert {(operation.service, operation.name) for operation in OPERATIONS} == served


@every_operation
def test_boto3(emulator, operation):
    prepared = Prepared(emulator, operation)
    emulator.forget_calls()
    call(emulator.client(operation.service, account=operation.account), operation.name, prepared.arguments)
    (seen,) = emulator.calls()
    assert (seen["service"], seen["operation"], seen["error_code"]) == (operation.service, operation.name, None)


@every_operation
def test_aws_cli(emulator, operation, tmp_path):
    prepared = Prepared(emulator, operation)
    emulator.forget_calls()
    done = aws(emulator, tmp_path, *prepared.command, account=operation.account)
    assert done.returncode == 0, done.stderr
    assert operation.name in {seen["operation"] for seen in emulator.calls()}
    shape = model.operation_model(operation.service, operation.name).output_shape
    if done.stdout.strip():
        # `NextToken` is the CLI's own, when it was told to stop after some items.
        assert set(json.loads(done.stdout)) <= set(shape.members) | {"NextToken"}


def test_the_cli_shows_an_error_with_its_code(emulator, tmp_path):
    done = aws(emulator, tmp_path, "bedrock", "get-guardrail", "--guardrail-identifier", "nothere")
    assert done.returncode == 255
    assert "(ResourceNotFoundException) when calling the GetGuardrail operation" in done.stderr


def test_the_cli_pages_through_a_list(emulator, tmp_path):
    done = aws(emulator, tmp_path, "bedrock", "list-guardrails", "--page-size", "1", "--query", "guardrails[].name")
    assert done.returncode == 0, done.stderr
    assert sorted(json.loads(done.stdout)) == ["baseline", "payments"]
    assert [seen["operation"] for seen in emulator.calls()] == ["ListGuardrails"] * 2


def test_the_cli_gets_along_without_an_endpoint_argument(emulator, tmp_path):
    """AWS_ENDPOINT_URL is enough."""
    done = aws(emulator, tmp_path, "sts", "get-caller-identity", by_environment=True)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["Account"] == world.PROD


def aws(emulator, home, *words, account=world.PROD, by_environment=False):
    endpoint = [] if by_environment else ["--endpoint-url", emulator.url]
    known = world.environment(home, account=account, endpoint=emulator.url if by_environment else None)
    if words[0] == "s3control":
        # It puts the account in front of the address, which is no name then that can be resolved.
        known["HTTP_PROXY"] = emulator.url
    words = [*words, *endpoint, "--output", "json"]
    if not by_environment:
        return aws_cli.run(words, known, home)
    # And once as a process that nothing was done for.
    command = [sys.executable, "-m", "awscli", *words]
    return subprocess.run(command, env=known, cwd=home, capture_output=True, text=True, timeout=world.PATIENCE)
