"""What a row of a benchmark is, and what it is given to measure with."""

from __future__ import annotations

import json
import os
import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self, TypeVar

from scripts.benchmarks import datasets
from scripts.benchmarks.peers import PEERS, Contender
from scripts.benchmarks.process import NOTHING, Run, run, run_all

MIB, MB = 1 << 20, 10**6
T = TypeVar("T")
READ_AT_ONCE = 8 * MIB


@dataclass(frozen=True, slots=True)
class Claim:
    """One thing that a goal says, and what was found."""

    about: str
    """"x restic", "s", "MB": what `value` counts."""
    value: float
    goal: float
    at_least: bool

    @property
    def met(self) -> bool:
        return self.value >= self.goal if self.at_least else self.value <= self.goal

    def __str__(self) -> str:
        sign = ("≥" if self.at_least else "≤") if self.met else "missed:"
        return f"{number(self.value)} {self.about} ({sign} {number(self.goal)})"


@dataclass(slots=True)
class Result:
    """What one row found."""

    name: str
    work: str
    goal: str
    measured: str = ""
    peers: list[str] = field(default_factory=list)
    claims: list[Claim] = field(default_factory=list)
    peak: int = 0
    """Bytes: the peak memory of the largest of our processes."""
    runs: dict[str, list[float]] = field(default_factory=dict)
    """Every single run of every contender."""
    error: str = ""

    def at_least(self, value: float, goal: float, about: str) -> None:
        self.claims.append(Claim(about, value, goal, True))

    def at_most(self, value: float, goal: float, about: str) -> None:
        self.claims.append(Claim(about, value, goal, False))


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table of goals."""

    name: str
    work: str
    goal: str
    measure: Callable[[Bench, Result], None]
    """Fills in the result. Raises RuntimeError when a command fails."""


@dataclass(slots=True)
class Bench:
    """Where data and stores are, and how often things are run; a context manager that removes what it made."""

    data: Path
    """Kept from run to run: data sets and large stores."""
    scratch: Path
    runs: int
    budget: float
    quick: bool
    contenders: list[Contender]
    """The peers to measure, all of them installed."""
    absent: list[str]
    _stack: ExitStack = field(default_factory=ExitStack)
    _made: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def prepared(cls, data: Path, *, runs: int, budget: float, quick: bool, peers: Sequence[str]) -> Self:
        """Make the directories; peers that are not installed are left out with a word."""
        data.mkdir(parents=True, exist_ok=True)
        chosen = [PEERS[name] for name in peers]
        absent = [peer.name for peer in chosen if not peer.installed]
        for name in absent:
            say(f"{name} is not installed; it is left out")
        scratch = Path(tempfile.mkdtemp(prefix="scratch-", dir=data))
        return cls(data, scratch, runs, budget, quick, [peer for peer in chosen if peer.installed], absent)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._stack.close()
        shutil.rmtree(self.scratch, ignore_errors=True)

    def once(self, name: str, make: Callable[[], AbstractContextManager[T]]) -> T:
        """What `make` gives, made by the first row that asks and kept until the bench ends."""
        if name not in self._made:
            self._made[name] = self._stack.enter_context(make())
        found: T = self._made[name]
        return found

    def scaled(self, full: int, quick: int) -> int:
        """A count that is smaller with --quick."""
        return quick if self.quick else full

    def dataset(self, name: str) -> Path:
        """The directory of a data set."""
        say(f"data set {name}")
        # In a process of its own: what this one holds in memory counts towards the peak of those that it starts.
        run(
            [
                sys.executable,
                "-m",
                "scripts.benchmarks.datasets",
                self.data,
                name,
                "quick" if self.quick else "full",
            ]
        )
        return datasets.made(self.data, name, quick=self.quick)

    def others(self, *names: str) -> list[Contender]:
        """Those of the peers named that are measured."""
        return [peer for peer in self.contenders if peer.name in names]

    def fresh(self) -> Path:
        """An empty directory."""
        return Path(tempfile.mkdtemp(dir=self.scratch))

    def work(self, task: str, **given: Any) -> tuple[Run, dict[str, Any]]:
        """Run a function of `work.py` in a process of its own: what it took, and what it found."""
        done = run([sys.executable, "-m", "scripts.benchmarks.work", task, json.dumps(given)])
        found: dict[str, Any] = json.loads(done.output)
        return done, found

    def interleaved(self, tasks: dict[str, Callable[[], Run]]) -> dict[str, list[Run]]:
        """Run each task several times, in turn, so that what else the machine does meets all alike."""
        found: dict[str, list[Run]] = {name: [] for name in tasks}
        for turn in range(self.runs):
            for name, task in tasks.items():
                if turn and sum(done.seconds for done in found[name]) * (turn + 1) / turn > self.budget:
                    continue
                os.sync()  # nobody waits for what those before left to write
                found[name].append(task())
        return found

    def putting(self, contender: Contender, source: Path, times: int = 1) -> Callable[[], Run]:
        """A task: put `source` into a new store, and again, `times` altogether; only the last one counts."""

        def task() -> Run:
            where = self.fresh()
            try:
                env = contender.env(where)
                run_all(contender.begin(where), env)
                took = NOTHING
                for turn in range(times):
                    warm(source)
                    took = run_all(contender.put(where, source, f"v{turn}"), env)
                return took
            finally:
                shutil.rmtree(where)

        return task


def median(runs: Sequence[Run]) -> float:
    """The middle of the seconds."""
    return statistics.median(done.seconds for done in runs)


def peak(runs: Sequence[Run]) -> int:
    """The largest of the peaks."""
    return max(done.peak for done in runs)


def warm(source: Path) -> None:
    """Read everything below `source`, so that it is in the page cache."""
    for folder, _, names in os.walk(source):
        for name in names:
            with open(os.path.join(folder, name), "rb", buffering=0) as stream:
                while stream.read(READ_AT_ONCE):
                    pass


def number(value: float) -> str:
    """For people: three digits that count."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def say(text: str) -> None:
    print(f"bench: {text}", file=sys.stderr, flush=True)
