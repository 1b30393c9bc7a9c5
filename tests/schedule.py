"""Builds all tests once, and runs each in a process of its own, several side by side.

usage: tests/schedule.py [--fast | --long] [PART_OF_A_NAME..]

What waits for clocks and other programs leaves the processors to what computes; so all suites are in one queue, and what takes
longest begins first. The documentation's tests are one entry of the queue, and so are the conformance tests, which --fast leaves out.
--long adds what needs a release build, or minutes of its own; that runs alone, after everything else.
With parts of names only the tests whose name has one of them run, without the other two.

SLOTS says how many may run side by side: by default two for each processor, and one that the conformance tests have. Needs nothing but Python and cargo.
"""

import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LONGEST = 10

# Names by their beginning: how many slots they take, because they work side by side inside. They begin before all others, in
# this order, and the conformance tests before them.
HEAVY = {
    "process crash::a_kill_at": 2,
    "process crash::a_death": 2,
    "process crash::an_abort": 2,
    "adversary restored_or_paged": 2,
}
CONFORMANCE = "conformance"
# What --long adds, in this order.
LONG = {
    "package": ["tests/deb/run"],
}


class Job:
    """One process: a test, or a suite that is no test of cargo's."""

    def __init__(self, name, command, folder, environment=None):
        self.name, self.command, self.folder, self.environment = name, command, folder, environment
        self.is_test = False
        order = [beginning for beginning in HEAVY if name.startswith(beginning)]
        self.order = 0 if name == CONFORMANCE else 1 + list(HEAVY).index(order[0]) if order else 2 + len(HEAVY)
        self.slots = HEAVY[order[0]] if order else 1
        self.seconds = self.processor = 0.0
        self.output, self.passed = "", False

    def run(self):
        began = time.monotonic()
        with tempfile.TemporaryFile() as stream:
            process = subprocess.Popen(
                self.command, cwd=self.folder, env=self.environment, stdin=subprocess.DEVNULL, stdout=stream, stderr=stream
            )
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            stream.seek(0)
            self.output = stream.read().decode(errors="replace")
        self.seconds = time.monotonic() - began
        self.processor = usage.ru_utime + usage.ru_stime
        # A name that selects nothing is a test that did not run.
        ran = not self.is_test or "test result: ok. 1 passed; 0 failed; 0 ignored" in self.output
        self.passed = process.returncode == 0 and ran


def built():
    """The test binaries, as cargo tells them: package, target and executable."""
    command = ["cargo", "test", "--workspace", "--all-targets", "--no-run", "--message-format=json-render-diagnostics"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    found, binaries = [], {}
    for line in process.stdout:
        message = json.loads(line)
        if message.get("reason") != "compiler-artifact" or not message["executable"]:
            continue
        if message["profile"]["test"]:
            found.append((Path(message["manifest_path"]).parent, message["target"], message["executable"]))
        else:
            binaries[message["target"]["name"]] = message["executable"]
    if process.wait() != 0:
        sys.exit(process.returncode)
    return found, binaries


def tests_of(folder, target, executable):
    """A job for each test of a binary."""
    environment = dict(os.environ, CARGO_MANIFEST_DIR=str(folder), CARGO=os.environ.get("CARGO", "cargo"))

    def listed(*which):
        command = [executable, "--list", "--format", "terse", *which]
        output = subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True, text=True).stdout
        lines = (line.rpartition(": ") for line in output.splitlines())
        return [name for name, separator, sort in lines if separator and sort == "test"]

    ignored = set(listed("--ignored"))
    for name in listed():
        if name not in ignored:
            job = Job(f"{target['name']} {name}", [executable, "--exact", name], folder, environment)
            job.is_test = True
            yield job


def run_all(jobs, slots):
    """Runs the jobs, and tells each as it ends. The next is the first for which enough slots are free."""
    free, changed = slots, threading.Condition()
    jobs = sorted(jobs, key=lambda job: job.order)

    def run(job):
        nonlocal free
        job.run()
        with changed:
            print(f"{'ok  ' if job.passed else 'FAIL'} {job.seconds:7.2f} s  {job.name}", flush=True)
            free += job.slots
            changed.notify()

    def next_that_fits():
        return next((job for job in jobs if min(job.slots, slots) <= free), None)

    threads = []
    while jobs:
        with changed:
            changed.wait_for(next_that_fits)
            job = next_that_fits()
            jobs.remove(job)
            free -= job.slots
        threads.append(threading.Thread(target=run, args=(job,)))
        threads[-1].start()
    for thread in threads:
        thread.join()


def main(arguments):
    is_fast, is_long = "--fast" in arguments, "--long" in arguments
    parts = [argument for argument in arguments if argument not in ("--fast", "--long")]
    began = time.monotonic()
    with_conformance = not is_fast and not parts
    # The conformance tests' packages are fetched while cargo compiles.
    preparing = with_conformance and subprocess.Popen([ROOT / "tests/conformance/run", "--prepare"], stdin=subprocess.DEVNULL)
    found, binaries = built()
    jobs = [job for one in found for job in tests_of(*one)]
    jobs = [job for job in jobs if not parts or any(part in job.name for part in parts)]
    tests = len(jobs)
    if not parts:
        jobs.append(Job("documentation", ["cargo", "test", "--workspace", "--doc"], ROOT))
    if with_conformance:
        if preparing.wait() != 0:
            sys.exit(preparing.returncode)
        environment = dict(os.environ, BEDROCK_RECONCILER=binaries["bedrock-reconciler"])
        jobs.append(Job(CONFORMANCE, [ROOT / "tests/conformance/run"], ROOT, environment))
    compiled = time.monotonic() - began

    run_all(jobs, int(os.environ.get("SLOTS", 0)) or 2 * (os.cpu_count() or 1) + 1)
    for name, command in LONG.items() if is_long else ():
        jobs.append(Job(name, [ROOT / command[0], *command[1:]], ROOT))
        run_all(jobs[-1:], 1)
    for job in jobs:
        if not job.passed:
            print(f"\n--- {job.name}\n{job.output.rstrip()}")
        elif not job.is_test:
            print(f"\n--- {job.name}: {re.sub(chr(10) * 2 + '+', chr(10), job.output).strip().splitlines()[-1]}")

    took = time.monotonic() - began
    usage = [resource.getrusage(who) for who in (resource.RUSAGE_CHILDREN, resource.RUSAGE_SELF)]
    print(f"\n{'wall':>9} {'processor':>11}  what took longest")
    print(f"{compiled:7.1f} s {'':11}  compiling")
    for job in sorted(jobs, key=lambda job: -job.seconds)[:LONGEST]:
        print(f"{job.seconds:7.1f} s {job.processor:9.1f} s  {job.name}")
    print(f"{took:7.1f} s {sum(one.ru_utime + one.ru_stime for one in usage):9.1f} s  in all")
    failed = [job.name for job in jobs if not job.passed]
    others = "".join(f", {job.name}" for job in jobs if not job.is_test)
    print(f"\n{tests} tests{others}: {len(failed)} failed" + "".join(f"\n  {name}" for name in failed))
    return 1 if failed or not jobs else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
