"""Kill the scheduler and its workers in mid-job, again and again, and see whether every job ends right.

    python -m pfsfuse.testing.jobs --kills 200

A store with three pipelines (`sales` computes a file from each file of `trips`, `total` adds them up, `pairs` crosses
both repos) gets commit after commit. A scheduler runs as a process of its own; at random moments it, or one of its
workers, is killed with SIGKILL, and a new scheduler is started. Workers are not killed three times running: the datum
would be taken for the cause, and fail. At the end, when all jobs have ended, all of this must hold:

1. every commit has had its job in every pipeline, under its id, and every job is a success;
2. the output of every job is what a plain loop over its inputs gives: no datum's output is lost or doubled;
3. each datum was computed in one job and skipped in the others, and each job counts all of its datums;
4. nothing is left: no process, no mount, no room in the store's scratch, no request; the store is sound.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import store as storage
from pfsfuse.pipeline import parse_specs
from pfsfuse.processes import is_alive
from pfsfuse.scheduler import Job, Ledger, create_pipeline, iter_datums, spec_of_job, wait_for
from pfsfuse.scheduler.wait import look
from pfsfuse.worker.rooms import remove_stale
from store import Commit, Store

SPECS = """
pipeline: {name: sales}
transform:
  cmd: [sh]
  stdin: [sleep 0.1, "echo $(wc -c < $trips) > /pfs/out/$(basename $trips)"]
input: {pfs: {repo: trips, glob: "/*"}}
---
pipeline: {name: total}
transform:
  cmd: [sh]
  stdin: ["cat /pfs/sales/* | awk '{ sum += $1 } END { print sum }' > /pfs/out/total"]
input: {pfs: {repo: sales, glob: /}}
---
pipeline: {name: pairs}
transform:
  cmd: [sh]
  stdin: ["cat $trips $sales > /pfs/out/$(basename $trips).$(basename $sales)"]
input:
  cross:
    - pfs: {repo: trips, glob: "/*0"}
    - pfs: {repo: sales, glob: "/*1"}
"""
NEW = 8
"""Files that each commit adds."""
NAMES = ("sales", "total", "pairs")

SCHEDULER = """
import signal, sys, trio
from pathlib import Path
import store
from pfsfuse.scheduler.loop import Scheduler
from pfsfuse.worker.local import open_local_executor

async def main(opened):
    async with open_local_executor(opened.path, 2) as executor, trio.open_nursery() as nursery:
        nursery.start_soon(Scheduler(opened, executor).run)
        with trio.open_signal_receiver(signal.SIGTERM) as signals:
            async for _ in signals:
                nursery.cancel_scope.cancel()

with store.open(Path(sys.argv[1])) as opened:
    trio.run(main, opened)
"""


class Wrong(AssertionError):
    """Something that must hold does not."""


@dataclass
class Report:
    """What was done, and what it showed."""

    scheduler_kills: int = 0
    worker_kills: int = 0
    commits: int = 0
    jobs: int = 0
    datums: int = 0
    restarts: int = 0
    """Jobs that were taken up again, each as often as it was."""

    def __str__(self) -> str:
        return (
            f"{self.scheduler_kills} schedulers and {self.worker_kills} workers killed; {self.commits} commits,"
            f" {self.jobs} jobs ({self.restarts} taken up again), {self.datums} datums computed: all right"
        )


@dataclass
class Killer:
    """One store, the scheduler that runs on it, and whoever kills it."""

    store: Store
    rng: random.Random
    report: Report = field(default_factory=Report)
    _scheduler: subprocess.Popen[bytes] | None = None
    _in_a_row: int = 0
    """Workers killed since a scheduler was."""

    def prepare(self) -> None:
        """Repos, pipelines and the first commit."""
        self.store.create_repo("trips")
        for spec in parse_specs(SPECS, source="SPECS"):
            create_pipeline(self.store, spec)
        self.commit()

    def commit(self) -> Commit:
        """A commit of a few new files, and now and then one that has changed."""
        number = self.report.commits
        with self.store.repo("trips").edit() as edit:
            for n in range(NEW):
                edit.write(f"{number * NEW + n:05}", self.rng.randbytes(self.rng.randrange(1, 3000)))
            if number and self.rng.random() < 0.3:
                edit.write(f"{self.rng.randrange(number * NEW):05}", self.rng.randbytes(100))
        self.report.commits += 1
        assert edit.result is not None
        return edit.result

    def start(self) -> None:
        """A scheduler, unless one is running."""
        if self._scheduler is None or self._scheduler.poll() is not None:
            command = [sys.executable, "-c", SCHEDULER, str(self.store.path)]
            self._scheduler = subprocess.Popen(command, cwd="/")

    def kill(self) -> None:
        """The scheduler, or one of its workers if there is one."""
        assert self._scheduler is not None
        workers = self.workers()
        if workers and self._in_a_row < 2 and self.rng.random() < 0.5:
            victim = self.rng.choice(workers)
            self._in_a_row += 1
            self.report.worker_kills += 1
        else:
            victim = self._scheduler.pid
            self._in_a_row = 0
            self.report.scheduler_kills += 1
        try:
            os.kill(victim, signal.SIGKILL)
        except ProcessLookupError:
            return
        if victim == self._scheduler.pid:
            self._scheduler.wait()

    def workers(self) -> list[int]:
        """The pids of the workers that are alive."""
        paths = (self.store.path / "scratch").glob("worker-*")
        return [pid for path in paths if is_alive(pid := int(path.name.partition("-")[2]))]

    def wait_progress(self) -> None:
        """Until a datum has been pinned, or there is nothing left to do: kills that come too fast show nothing."""
        before = self.pinned()
        deadline = time.monotonic() + 60
        while self.pinned() == before and self.pending():
            if time.monotonic() > deadline:
                raise Wrong(f"nothing has happened for a minute, and {self.pending()} has work to do")
            time.sleep(0.01)

    def pinned(self) -> int:
        """Datums that have been computed."""
        return len(list(self.store.pins.iter(b"datum/")))

    def pending(self) -> tuple[str, ...]:
        """Pipelines that have work to do for the newest commit."""
        head = self.store.repo("trips").head()
        return () if head is None else look(self.store, "trips", head.id).pending

    def finish(self) -> None:
        """Let everything end, and end the scheduler in order."""
        self.start()
        for commit in list(self.store.repo("trips").log()):
            wait_for(self.store, commit, unscheduled_too=True)
        assert self._scheduler is not None
        self._scheduler.terminate()
        self._scheduler.wait(60)


def check(opened: Store, report: Report) -> None:
    """What the top of this module says must hold. Raises Wrong."""
    ledger = Ledger(opened)
    commits = [str(commit.id) for commit in opened.repo("trips").log()][::-1]
    computed: Counter[tuple[str, str]] = Counter()
    for name in NAMES:
        jobs = sorted(ledger.iter_jobs(name), key=lambda job: job.number)
        _must([job.id for job in jobs] == commits, f"{name} has other jobs than there are commits")
        for job in jobs:
            _must(job.state == "success", f"{name}@{job.id} is {job.state}: {job.reason}")
            _must(job.total == job.done + job.skipped, f"{name}@{job.id} lost count: {job}")
            _must(
                _files(opened.commit(name, job_commit(job))) == _expected(opened, job),
                f"{name}@{job.id} is wrong",
            )
            states = Counter(each.state for each in iter_datums(opened, spec_of_job(opened, job), job))
            _must(
                (states["success"], states["skipped"]) == (job.done, job.skipped),
                f"{name}@{job.id} has {dict(states)}, and counts {job.done} and {job.skipped}",
            )
            for datum in ledger.datum_runs(job):
                computed[name, datum] += 1
            report.jobs += 1
            report.restarts += job.restarts
    twice = [each for each, times in computed.items() if times > 1]
    _must(not twice, f"computed in two jobs: {twice[:3]}")
    _must(len(computed) == len(list(opened.pins.iter(b"datum/"))), "pins and records differ")
    report.datums = len(computed)
    _must(not ledger.requests() and not ledger.open_jobs(), "requests or jobs are left")
    # Who is stopped leaves what he was removing to the next start.
    remove_stale(opened.path).join()
    _must(not list((opened.path / "scratch").glob("worker-*")), "rooms are left")
    _must(str(opened.path) not in Path("/proc/self/mountinfo").read_text(), "mounts are left")


def job_commit(job: Job) -> storage.CommitId:
    """The commit that a job has made."""
    return storage.CommitId.parse(job.id)


def _expected(opened: Store, job: Job) -> dict[str, bytes]:
    """The job's output, by a plain loop over its inputs."""
    read = {
        each.repo: _files(opened.commit(each.repo, storage.CommitId.parse(each.commit)))
        for each in job.inputs
    }
    match job.pipeline:
        case "sales":
            return {name: b"%d\n" % len(data) for name, data in read["trips"].items()}
        case "total":
            return {"total": b"%d\n" % sum(int(data) for data in read["sales"].values())}
    return {
        f"{one}.{other}": data + number
        for one, data in read["trips"].items()
        for other, number in read["sales"].items()
        if one.endswith("0") and other.endswith("1")
    }


def _files(commit: Commit) -> dict[str, bytes]:
    return {path.decode(): commit.read(path) for path, entry in commit.walk() if entry.is_file}


def _must(holds: bool, what: str) -> None:
    if not holds:
        raise Wrong(what)


def run(directory: Path, *, kills: int, seed: int) -> Report:
    """Kill so often in a new store below `directory`. Raises Wrong when something is."""
    with storage.create(directory / "store") as opened:
        for name in ("run", "logs", "scratch"):
            (opened.path / name).mkdir(exist_ok=True)
        killer = Killer(opened, random.Random(seed))  # noqa: S311  a seed repeats the moments
        killer.prepare()
        for _ in range(kills):
            if not killer.pending():
                killer.commit()
            killer.start()
            killer.wait_progress()
            time.sleep(killer.rng.random() * 0.2)
            killer.kill()
        killer.finish()
        check(opened, killer.report)
        return killer.report


def main() -> None:
    """The program."""
    parser = argparse.ArgumentParser(
        description="Kill schedulers and workers in mid-job; every job must end right."
    )
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="pfs-jobs-") as directory:
        print(run(Path(directory), kills=given.kills, seed=given.seed))


if __name__ == "__main__":
    main()
