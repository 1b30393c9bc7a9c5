"""The AWS CLI, as a copy of this process in which it is loaded already.

A new interpreter spends a second of processor time on loading the CLI and the model of a service, for a call of some milliseconds.
A copy has both, and its environment, folder and streams are those that a new process would have.
"""

import os
import subprocess
import sys
import tempfile
import traceback

import awscli
import awscli.clidriver
import botocore.exceptions
import botocore.session

import world

world.MODELS.search_paths.append(os.path.join(os.path.dirname(awscli.__file__), "data"))


def run(words, environment, home):
    """Runs `aws` with these words, and gives what `subprocess.run` would."""
    for name in ("service-2", "endpoint-rule-set-1", "paginators-1", "waiters-2"):
        try:
            world.MODELS.load_service_model(words[0], name)
        except (botocore.exceptions.DataNotFoundError, botocore.exceptions.UnknownServiceError):
            continue
    world.MODELS.load_data("cli")
    with tempfile.TemporaryFile() as stdout, tempfile.TemporaryFile() as stderr:
        sys.stdout.flush()
        sys.stderr.flush()
        child = os.fork()
        if child == 0:
            _become(words, environment, home, stdout, stderr)
        _, status = os.waitpid(child, 0)
        texts = []
        for stream in (stdout, stderr):
            stream.seek(0)
            texts.append(stream.read().decode())
    return subprocess.CompletedProcess(["aws", *words], os.waitstatus_to_exitcode(status), *texts)


def _become(words, environment, home, stdout, stderr):
    """Never returns: what this copy has of the tests ends with it."""
    code = 1
    try:
        nothing = os.open(os.devnull, os.O_RDONLY)
        for number, stream in ((0, nothing), (1, stdout.fileno()), (2, stderr.fileno())):
            os.dup2(stream, number)
        sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w", closefd=False), open(2, "w", closefd=False)
        os.chdir(home)
        os.environ.clear()
        os.environ.update(environment)
        sys.argv = ["aws", *words]
        botocore.session.create_loader = lambda path=None: world.MODELS
        code = awscli.clidriver.main()
    except SystemExit as exit:
        code = exit.code if isinstance(exit.code, int) else 1
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code or 0)
