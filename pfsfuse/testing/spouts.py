"""Kill a spout's daemon, its worker and its command again and again, and see whether what was closed is committed once.

    python -m pfsfuse.testing.spouts --kills 100

The command writes one file after another under names that never come twice, asks for a commit with the marker, waits
for the answer and says so. At random moments the process that keeps it, its worker, or the command itself is killed
with SIGKILL. At the end all of this must hold:

1. every file that was closed is in the head, and one whose commit was answered was in a commit by then;
2. every file came with one commit, and no later one changed or removed it;
3. nothing is left on its way, and the store is sound.
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
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import store as storage
from pfsfuse.pipeline import parse_specs
from pfsfuse.scheduler import create_pipeline, stop_pipeline
from pfsfuse.service.spouts.record import find_spout, log_path
from pfsfuse.testing.jobs import Wrong
from store import Store

SPEC = """
pipeline: {name: spout}
spout: {}
transform:
  cmd: [sh]
  stdin:
    - read() { cat /proc/sys/kernel/random/uuid; }
    - while id=$(read); do
    - "  echo $id > /pfs/out/$id"
    - "  echo closed $id"
    - "  echo $id > /pfs/out/.commit"
    - "  while [ -e /pfs/out/.commit ]; do sleep 0.02; done"
    - "  echo answered $id"
    - done
"""
KEEPER = """
import signal, sys, trio
from pathlib import Path
import store
from pfsfuse.service.spouts.spouts import Spouts

async def main(opened):
    spouts = Spouts(opened)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(spouts.run)
        with trio.open_signal_receiver(signal.SIGTERM) as signals:
            async for _ in signals:
                spouts.stop()
                break

with store.open(Path(sys.argv[1])) as opened:
    trio.run(main, opened)
"""


@dataclass
class Report:
    """What was done, and what it showed."""

    kills: int = 0
    closed: int = 0
    answered: int = 0
    commits: int = 0

    def __str__(self) -> str:
        return (
            f"{self.kills} killed; {self.closed} files closed, {self.answered} commits answered,"
            f" {self.commits} made: all right"
        )


def run(directory: Path, *, kills: int, seed: int) -> Report:
    """Kill so often in a new store below `directory`. Raises Wrong when something is."""
    rng, report = random.Random(seed), Report(kills=kills)  # noqa: S311  a seed repeats the moments
    with storage.create(directory / "store") as opened:
        for name in ("run", "logs", "scratch"):
            (opened.path / name).mkdir(exist_ok=True)
        (spec,) = parse_specs(SPEC, source="SPEC")
        create_pipeline(opened, spec)
        keeper = _keep(opened)
        try:
            for number in range(kills):
                _wait_commit(opened)
                time.sleep(rng.random() * 0.5)
                # A command that ends again and again is started after longer and longer pauses, but by a new keeper.
                if number % 2 or not _kill_below(opened, rng):
                    keeper.kill()
                    keeper.wait()
                    keeper = _keep(opened)
            _wait_commit(opened)
            stop_pipeline(opened, "spout")
            _until(lambda: (found := find_spout(opened, "spout")) and found.state == "stopped", "its end")
            keeper.terminate()
            keeper.wait(60)
        finally:
            keeper.kill()
        check(opened, report)
    return report


def check(opened: Store, report: Report) -> None:
    """What the top of this module says must hold. Raises Wrong."""
    log = log_path(opened.path, "spout").read_text(errors="replace")
    lines = [line.split() for line in log.splitlines()]
    closed = {words[1] for words in lines if words[0] == "closed" and len(words) == 2 and len(words[1]) == 36}
    answered = [words[1] for words in lines if words[0] == "answered" and len(words) == 2]
    commits = list(opened.repo("spout").log())[::-1]
    came: Counter[str] = Counter()
    before = None
    for commit in commits:
        for change in opened.diff(before, commit.tree):
            _must(change.old is None, f"{change.path!r} was changed by {commit.title}")
            if change.new is not None and change.new.is_file:
                came[change.path.decode()] += 1
        before = commit.tree
    _must(set(came.values()) == {1}, "a file came with two commits")
    _must(closed <= came.keys(), f"closed, and in no commit: {sorted(closed - came.keys())[:3]}")
    _must(set(answered) <= came.keys(), "answered, and in no commit")
    _must(not list((opened.path / "scratch" / "spout-spout").glob("taken/*")), "files are left on their way")
    _must(opened.check().sound, "the store is not sound")
    report.closed, report.answered, report.commits = len(closed), len(answered), len(commits)


def _keep(opened: Store) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", KEEPER, str(opened.path)], cwd="/")


def _kill_below(opened: Store, rng: random.Random) -> bool:
    """The worker, or the command in it; False when there is none."""
    found = find_spout(opened, "spout")
    if found is None or found.pid is None:
        return False
    victims = [found.pid, *_below(found.pid)]
    try:
        os.kill(rng.choice(victims), signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True


def _below(pid: int) -> list[int]:
    """The processes that this one has started, and those that they have."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    return [each for child in map(int, children) for each in (child, *_below(child))]


def _wait_commit(opened: Store) -> None:
    def head() -> storage.CommitId | None:
        found = opened.repo("spout").head()
        return None if found is None else found.id

    before = head()
    _until(lambda: head() != before, "the next commit")


def _until(condition: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        if time.monotonic() > deadline:
            raise Wrong(f"waited a minute for {what}")
        time.sleep(0.01)


def _must(holds: bool, what: str) -> None:
    if not holds:
        raise Wrong(what)


def main() -> None:
    """The program."""
    parser = argparse.ArgumentParser(description="Kill spouts; what was closed must be committed, once.")
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="pfs-spouts-") as directory:
        print(run(Path(directory), kills=given.kills, seed=given.seed))


if __name__ == "__main__":
    main()
