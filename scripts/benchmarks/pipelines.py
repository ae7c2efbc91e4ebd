"""Pipelines: what running a command for each datum costs, beside a plain shell loop that runs the same commands."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from scripts.benchmarks.bench import MIB, Bench, Result, Row, median, number
from scripts.benchmarks.process import Run, run

SPIN = "i=0; while [ $i -lt $turns ]; do i=$((i+1)); done"
"""A shell that computes, and does nothing else."""


def task(name: str, **given: Any) -> tuple[Run, dict[str, Any]]:
    """Run a function of `scheduling.py` in a process of its own: what it took, and what it found."""
    done = run([sys.executable, "-m", "scripts.benchmarks.scheduling", name, json.dumps(given)])
    found: dict[str, Any] = json.loads(done.output)
    return done, found


def shell(script: str) -> Run:
    return run(["/bin/sh", "-c", script])


def overhead(bench: Bench, result: Result) -> None:
    count = bench.scaled(1000, 20)
    loop = f"i=0; while [ $i -lt {count} ]; do /bin/true; i=$((i+1)); done"
    ours: list[float] = []

    def pipeline() -> Run:
        where = bench.fresh()
        done, found = task("datums", path=str(where / "store"), count=count, slots=2, cmd=["/bin/true"])
        shutil.rmtree(where)
        assert found["done"] == count, "every datum was run"
        ours.append(found["seconds"])
        return Run(found["seconds"], done.cpu, done.peak)

    runs = bench.interleaved({"pfs": pipeline, "sh": lambda: shell(loop)})
    took, plain = median(runs["pfs"]), median(runs["sh"])
    each = (took - plain) / count * 1000
    result.measured = f"{number(each)} ms a datum, {number(runs['pfs'][-1].cpu / count * 1000)} ms of CPU"
    result.peers.append(f"sh {number(plain / count * 1000)} ms")
    result.at_most(each, 15, "ms a datum")
    result.runs = {name: [each.seconds for each in found] for name, found in runs.items()}


@contextmanager
def _known(bench: Bench) -> Iterator[tuple[Path, Run, dict[str, Any]]]:
    where = bench.fresh() / "store"
    task("seed", path=str(where), count=bench.scaled(100_000, 200))
    done, found = task("known", path=str(where))
    yield where, done, found


def known(bench: Bench) -> tuple[Path, Run, dict[str, Any]]:
    """A store in which 100,000 datums have been computed and one job has found that; what that job took."""

    def make() -> AbstractContextManager[tuple[Path, Run, dict[str, Any]]]:
        return _known(bench)

    return bench.once("known", make)


def memory(bench: Bench, result: Result) -> None:
    _, done, found = known(bench)
    result.measured = f"{number(done.peak / MIB)} MiB, {number(found['seconds'])} s"
    result.at_most(done.peak / MIB, 300, "MiB")


def one_more(bench: Bench, result: Result) -> None:
    where, _, _ = known(bench)
    found = [task("one-more", path=str(where))[1] for _ in range(bench.runs)]
    seconds = sorted(each["seconds"] for each in found)[len(found) // 2]
    result.measured = f"{number(seconds)} s, {found[-1]['done']} datum run"
    result.at_most(seconds, 2, "s")
    result.at_most(max(each["done"] for each in found), 1, "datum")
    result.runs = {"pfs": [each["seconds"] for each in found]}


def listing(bench: Bench, result: Result) -> None:
    where, _, _ = known(bench)
    found = [task("listed", path=str(where))[1] for _ in range(bench.runs)]
    seconds = sorted(each["seconds"] for each in found)[len(found) // 2]
    result.measured = f"{found[0]['count']:,} in {number(seconds)} s"
    result.at_most(seconds, 3, "s")
    result.runs = {"pfs": [each["seconds"] for each in found]}


def two_workers(bench: Bench, result: Result) -> None:
    count, turns = bench.scaled(8, 2), bench.scaled(1_000_000, 1000)
    own: list[float] = []
    cmd = ["sh", "-c", f"turns=$(cat /pfs/in/*); {SPIN}"]

    def with_slots(slots: int) -> Run:
        where = bench.fresh()
        given = {"count": count, "slots": slots, "turns": turns, "cmd": cmd}
        done, found = task("spun", path=str(where / "store"), **given)
        shutil.rmtree(where)
        assert found["done"] == count, "every datum was run"
        own.append(found["own"])
        return Run(found["seconds"], done.cpu, done.peak)

    def plain(at_once: int) -> Run:
        """The same computation by as many shells beside each other, and nothing else: what this machine can do."""
        each = f"(n={count // at_once}; while [ $n -gt 0 ]; do {SPIN}; n=$((n-1)); done) &"
        return shell(f"turns={turns}; {each * at_once} wait")

    tasks = {"one": partial(with_slots, 1), "two": partial(with_slots, 2)}
    tasks |= {"sh": partial(plain, 1), "two sh": partial(plain, 2)}
    runs = bench.interleaved(tasks)
    seconds = {name: median(found) for name, found in runs.items()}
    result.measured = f"{number(seconds['two'])} s, {number(max(own) * 1000)} ms of CPU of the scheduler"
    result.peers.append(f"one worker {number(seconds['one'])} s")
    result.peers.append(f"two sh {number(seconds['sh'] / seconds['two sh'])} x one sh")
    result.at_least(seconds["one"] / seconds["two"], 1.8, "x one worker")
    result.runs = {name: [each.seconds for each in found] for name, found in runs.items()}


def large_output(bench: Bench, result: Result) -> None:
    size = bench.scaled(1 << 30, 1 << 20)
    write = f"head -c {size} /dev/urandom > {{}}"

    def pipeline() -> Run:
        where = bench.fresh()
        cmd = ["sh", "-c", write.format("/pfs/out/big")]
        done, found = task("datums", path=str(where / "store"), count=1, slots=1, cmd=cmd)
        shutil.rmtree(where)
        return Run(found["seconds"], done.cpu, done.peak)

    def disk() -> Run:
        where = bench.fresh()
        done = shell(f"{write.format(where / 'big')} && sync {where / 'big'}")
        shutil.rmtree(where)
        return done

    runs = bench.interleaved({"pfs": pipeline, "disk": disk})
    result.measured = f"{number(median(runs['pfs']))} s"
    result.peers.append(f"disk {number(median(runs['disk']))} s")
    result.at_least(median(runs["disk"]) / median(runs["pfs"]), 0.5, "x the disk")
    result.runs = {name: [each.seconds for each in found] for name, found in runs.items()}


ROWS = (
    Row("true", "1,000 datums of /bin/true, 2 workers", "under 15 ms a datum", overhead),
    Row("known", "a job of 100,000 datums that are all known: memory", "under 300 MiB", memory),
    Row("one-more", "one file more where 100,000 datums are known", "one datum, under 2 s", one_more),
    Row("list", "list 100,000 datums", "under 3 s", listing),
    Row("two-workers", "8 CPU-bound datums, 2 workers", "1.8 x one worker", two_workers),
    Row("large-output", "a datum that writes 1 GiB", "0.5 x the disk, fsync included", large_output),
)
