"""The AWS CLI does what the pages say that it does: each of their commands that the Rust tests cannot run, because it needs the AWS CLI."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


def commands():
    text = (ROOT / "README.md").read_text()
    blocks = re.findall(r"(?m)^```console\n# Needs the AWS CLI: run by the conformance tests\.\n(.*?)^```$", text, re.DOTALL)
    return [line.removeprefix("$ aws ") for block in blocks for line in block.splitlines() if line.startswith("$ aws ")]


def test_the_aws_cli_does_what_the_readme_says(serve):
    emulator = serve("drifted")
    given = dict(os.environ, AWS_ENDPOINT_URL=emulator.url, AWS_REGION="us-east-1", AWS_DEFAULT_REGION="us-east-1")
    given |= {"AWS_ACCESS_KEY_ID": "111122223333", "AWS_SECRET_ACCESS_KEY": "any"}
    assert commands()
    for command in commands():
        shown = subprocess.run([sys.executable, "-m", "awscli", *shlex.split(command)], env=given, text=True, capture_output=True)
        assert shown.returncode == 0, shown.stderr
        assert "baseline" in shown.stdout
