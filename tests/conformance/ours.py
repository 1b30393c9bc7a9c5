"""The reconciler as a program: arguments in, exit code and JSON out."""

import json
import subprocess

import world

IN_SYNC, FAILED, DRIFT, GAPS, REFUSED, INVALID = 0, 1, 2, 3, 4, 65
CANONICAL = world.ROOT / "desired-state"


class Run:
    """How a command ended."""

    def __init__(self, done):
        self.exit, self.stdout, self.stderr = done.returncode, done.stdout, done.stderr

    def __str__(self):
        return f"exit {self.exit}\n{self.stdout[-3000:]}\n{self.stderr[-3000:]}"

    @property
    def json(self):
        return json.loads(self.stdout)


class Reconciler:
    """Runs the binary with a home and a state folder of its own, against one endpoint."""

    def __init__(self, home, endpoint, desired=CANONICAL, account=world.MANAGEMENT, attempts=None, simulates=True):
        self.home, self.endpoint, self.desired, self.account = home, endpoint, desired, account
        # moto simulates no policies: it answers 500, which is tried again and again.
        self.unasked = [] if simulates else ["--skip-permission-check"]
        self.further = {} if attempts is None else {"AWS_MAX_ATTEMPTS": str(attempts)}

    def __call__(self, *words):
        command = [world.binary(), "--desired", str(self.desired), "--state", str(self.home / "state"), *words]
        return Run(subprocess.run(
            command,
            env=world.environment(self.home, account=self.account, endpoint=self.endpoint) | self.further,
            cwd=self.home,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=240,
        ))

    def plan(self):
        return self("--output", "json", "plan")

    def enforce(self, *words):
        return self("enforce", "--once", *self.unasked, *words)
