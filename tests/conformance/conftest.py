"""Fixtures. Every test that changes something has an emulator of its own."""

from contextlib import ExitStack

import boto3
import pytest

import world


@pytest.fixture(autouse=True)
def own_environment(tmp_path, monkeypatch):
    """boto3 inside this process sees no profile, credentials or endpoint but those of the test."""
    import os

    for name in list(os.environ):
        if name.startswith(("AWS_", "BOTO")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    boto3.DEFAULT_SESSION = None


@pytest.fixture
def serve(tmp_path):
    """Starts emulators that end with the test."""
    with ExitStack() as running:
        yield lambda scenario="in-sync": running.enter_context(world.Emulator.serving(scenario, tmp_path))


@pytest.fixture
def emulator(serve):
    """Exactly what desired-state wants."""
    return serve()


def pytest_collection_modifyitems(items):
    """A conformance test that does not judge must be seen: marks that skip are errors."""
    for item in items:
        for mark in ("skip", "skipif", "xfail"):
            if item.get_closest_marker(mark):
                raise pytest.UsageError(f"{item.nodeid} is marked {mark}")


def pytest_terminal_summary(terminalreporter):
    import botocore
    import moto
    from importlib.metadata import version

    count = lambda outcome: len(terminalreporter.stats.get(outcome, []))
    terminalreporter.write_line(
        f"conformance: boto3 {boto3.__version__}, botocore {botocore.__version__}, awscli {version('awscli')}, "
        f"moto {moto.__version__}: {count('passed')} passed, {count('failed')} failed, {count('error')} errors, "
        f"{count('skipped')} skipped"
    )


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session, exitstatus):
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter and reporter.stats.get("skipped") and exitstatus == 0:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
