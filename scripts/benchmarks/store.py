"""The store: how fast it takes data in, finds its way in it and gives it back, and how little it keeps."""

from __future__ import annotations

import shutil
import statistics
from pathlib import Path
from typing import Any

from scripts.benchmarks import datasets
from scripts.benchmarks.bench import MB, Bench, Result, Row, median, number, peak, warm
from scripts.benchmarks.peers import COPY, OURS, PFS, store_of
from scripts.benchmarks.process import run, run_all, used
from scripts.benchmarks.report import rate

MS = 1000


def _put(
    bench: Bench,
    result: Result,
    source: Path,
    amount: float,
    unit: str,
    peers: tuple[str, ...],
    *,
    times: int = 1,
) -> dict[str, float]:
    """Time putting `source` by us and by `peers`; the medians by name."""
    known = {COPY.name: COPY, **{peer.name: peer for peer in bench.others(*peers)}}
    contenders = [OURS, *(known[name] for name in peers if name in known)]
    runs = bench.interleaved({one.name: bench.putting(one, source, times) for one in contenders})
    middles = {name: median(found) for name, found in runs.items()}
    result.runs.update({name: [done.seconds for done in found] for name, found in runs.items()})
    result.peak = peak(runs[OURS.name])
    result.measured = f"{rate(amount, middles[OURS.name], unit)} ({number(middles[OURS.name])} s)"
    result.peers = [f"{one} {rate(amount, middles[one], unit)}" for one in middles if one != OURS.name]
    return middles


def put_big(bench: Bench, result: Result) -> None:
    source = bench.dataset("big")
    size = datasets.size_of(source)
    took = _put(bench, result, source, size, "MB", ("cp", "casync", "borg", "restic"))
    for name, goal in (("cp", 0.7), ("casync", 2), ("borg", 3), ("restic", 3)):
        if name in took:
            result.at_least(took[name] / took[OURS.name], goal, f"x {name}")


def put_csv(bench: Bench, result: Result) -> None:
    source = bench.dataset("csv")
    took = _put(bench, result, source, datasets.size_of(source), "MB", ("borg", "restic", "casync"))
    if others := {name: seconds for name, seconds in took.items() if name != OURS.name}:
        best = min(others, key=lambda name: others[name])
        result.at_least(took[best] / took[OURS.name], 2, f"x {best}")


def put_small(bench: Bench, result: Result) -> None:
    source, files = bench.dataset("small"), bench.scaled(20_000, 400)
    took = _put(bench, result, source, files, "files", ("casync", "git", "restic"))
    result.at_least(files / took[OURS.name], 15_000, "files/s")


def put_wide(bench: Bench, result: Result) -> None:
    source, names = bench.dataset("wide"), bench.scaled(100_000, 1_000)
    took = _put(bench, result, source, names, "names", ("git", "casync", "restic"))
    result.at_least(names / took[OURS.name], 30_000, "names/s")


def put_again(bench: Bench, result: Result) -> None:
    source, names = bench.dataset("wide"), bench.scaled(100_000, 1_000)
    took = _put(bench, result, source, names, "names", ("git", "restic"), times=2)
    result.measured = f"{number(took[OURS.name])} s"
    result.peers = [f"{name} {number(seconds)} s" for name, seconds in took.items() if name != OURS.name]
    result.at_most(took[OURS.name], 1, "s")


def _grown(bench: Bench, task: str, **given: Any) -> Path:
    """A store made by `work.py` and kept from run to run; a copy of it that may be changed."""
    _, found = bench.work(task, data=str(bench.data), **given)
    where = bench.fresh() / "store"
    shutil.copytree(found["store"], where)
    return where


def _sizes(bench: Bench) -> tuple[int, ...]:
    return (1_000, 5_000) if bench.quick else (10_000, 100_000, 1_000_000)


def commit_api(bench: Bench, result: Result) -> None:
    shown, middles = [], []
    for count in _sizes(bench):
        for nested in (False, True):
            store = _grown(bench, "files", count=count, nested=nested)
            took, found = bench.work("commit", store=str(store), count=count, nested=nested, times=30)
            shutil.rmtree(store.parent)
            middles.append(statistics.median(found["seconds"]))
            result.peak = max(result.peak, took.peak)
            result.runs[f"{count} files, {'nested' if nested else 'flat'}"] = found["seconds"]
            shown.append(number(middles[-1] * MS))
    pairs = [f"{flat} and {nested}" for flat, nested in zip(shown[::2], shown[1::2], strict=True)]
    result.measured = (
        f"{', '.join(pairs)} ms among {', '.join(f'{count:,}' for count in _sizes(bench))} (flat and nested)"
    )
    result.at_most(max(middles[-2:]) * MS, 30, "ms")


def commit_put(bench: Bench, result: Result) -> None:
    count = _sizes(bench)[-1]
    store, source = _grown(bench, "files", count=count, nested=False), bench.fresh() / "file-0000500"
    turn = 0

    def task() -> Any:
        nonlocal turn
        turn += 1
        source.write_text(f"changed {turn}\n")
        return run([*PFS, "--store", store, "put", source, "files", "-m", "one"], OURS.env(source.parent))

    runs = bench.interleaved({OURS.name: task})[OURS.name]
    result.runs[OURS.name] = [done.seconds for done in runs]
    result.measured, result.peak = f"{number(median(runs))} s", peak(runs)
    result.at_most(median(runs), 0.4, "s")


def growth(bench: Bench, result: Result) -> None:
    steps, source = bench.scaled(10, 3), bench.dataset("versions")
    sizes: dict[str, list[int]] = {}
    fresh = 0
    for contender in (OURS, *bench.others("bup", "casync", "restic", "borg", "git")):
        where, copy = bench.fresh(), bench.fresh() / "data"
        env = contender.env(where)
        shutil.copytree(source, copy)
        run_all(contender.begin(where), env)
        sizes[contender.name], fresh = [], 0
        for number_ in range(steps + 1):
            fresh += datasets.step(copy, number_) if number_ else 0
            done = run_all(contender.put(where, copy, f"v{number_}"), env)
            sizes[contender.name].append(used(store_of(where)))
            if contender is OURS:
                result.peak = max(result.peak, done.peak)
        if contender.tidy is not None:
            run_all(contender.tidy(where), env)
            sizes[f"{contender.name} after its gc"] = [used(store_of(where))]
        shutil.rmtree(where)
        shutil.rmtree(copy.parent)
    grown = {name: (all_[-1] - all_[0]) / steps / MB for name, all_ in sizes.items() if len(all_) > 1}
    result.runs = {f"{name}, MB": [size / MB for size in all_] for name, all_ in sizes.items()}
    result.measured = (
        f"{grown[OURS.name]:.2f} MB a step ({fresh / steps / MB:.3f} edited), "
        f"{sizes[OURS.name][-1] / MB:.0f} MB after {steps + 1}"
    )
    result.peers = [
        f"{name} {grown[name]:.2f} a step, {all_[-1] / MB:.0f}"
        if name in grown
        else f"{name} {all_[-1] / MB:.0f}"
        for name, all_ in sizes.items()
        if name != OURS.name
    ]
    result.at_most(grown[OURS.name], 0.6, "MB a step")
    result.at_most(sizes[OURS.name][-1] / MB, 195, "MB")


def size_small(bench: Bench, result: Result) -> None:
    source, sizes = bench.dataset("small"), {}
    for contender in (OURS, *bench.others("restic", "casync", "bup")):
        where = bench.fresh()
        env = contender.env(where)
        run_all(contender.begin(where), env)
        done = run_all(contender.put(where, source, "v0"), env)
        result.peak = done.peak if contender is OURS else result.peak
        sizes[contender.name] = used(store_of(where)) / MB
        shutil.rmtree(where)
    result.runs = {f"{name}, MB": [size] for name, size in sizes.items()}
    result.measured = f"{number(sizes[OURS.name])} MB"
    result.peers = [f"{name} {number(size)} MB" for name, size in sizes.items() if name != OURS.name]
    for name in ("restic", "casync"):
        if name in sizes:
            result.at_most(sizes[OURS.name] / sizes[name], 0.8, f"x {name}")


def read(bench: Bench, result: Result) -> None:
    shown = []
    for kind, name, goal in (("incompressible", "noise", 1.2), ("through zstd", "text", 0.8)):
        source, where = bench.dataset(name), bench.fresh()
        env = OURS.env(where)
        run_all([*OURS.begin(where), *OURS.put(where, source, "v0")], env)
        warm(store_of(where))
        took, found = bench.work("read", store=str(store_of(where)), times=bench.runs)
        shutil.rmtree(where)
        result.peak = max(result.peak, took.peak)
        rates = [found["size"] / (1 << 30) / seconds for seconds in found["seconds"]]
        result.runs[f"{kind}, GiB/s"] = rates
        shown.append(f"{statistics.median(rates):.2f} GiB/s {kind}")
        result.at_least(statistics.median(rates), goal, f"GiB/s {kind}")
    result.measured = ", ".join(shown)


def resolve(bench: Bench, result: Result) -> None:
    count = bench.scaled(1_000_000, 3_000)
    store = _grown(bench, "history", count=count)
    took, found = bench.work("resolve", store=str(store), count=count)
    shutil.rmtree(store.parent)
    result.runs, result.peak = found, took.peak
    middles = {name: statistics.median(seconds) for name, seconds in found.items()}
    result.measured = ", ".join(f"{name} {number(seconds * MS)} ms" for name, seconds in middles.items())
    result.at_most(middles[f"master.{count // 2}"] * MS, 1, "ms")


def names(bench: Bench, result: Result) -> None:
    count = bench.scaled(10_000, 300)
    store = _grown(bench, "name-table", count=count)
    took, found = bench.work("names", store=str(store), count=count)
    result.peak = took.peak
    for shown, command in (
        ("repo list", ["repo", "list"]),
        ("branch list", ["branch", "list", "repo-00000"]),
    ):
        runs = bench.interleaved({shown: lambda: run([*PFS, "--store", store, *command])})[shown]  # noqa: B023
        found[f"pfs {shown}"] = [done.seconds for done in runs]
        result.peak = max(result.peak, peak(runs))
    shutil.rmtree(store.parent)
    result.runs = found
    middles = {name: statistics.median(seconds) for name, seconds in found.items()}
    result.measured = ", ".join(f"{name} {number(seconds * MS)} ms" for name, seconds in middles.items())
    result.at_most(max(middles.values()), 1, "s at most")


def diff(bench: Bench, result: Result) -> None:
    count, shown = _sizes(bench)[-1], []
    for nested in (False, True):
        store = _grown(bench, "files", count=count, nested=nested)
        took, found = bench.work("diff", store=str(store), count=count, nested=nested)
        shutil.rmtree(store.parent)
        result.peak = max(result.peak, took.peak)
        kind = "nested" if nested else "flat"
        for how, seconds in found.items():
            result.runs[f"{kind}, {how}"] = seconds
            shown.append(f"{number(statistics.median(seconds) * MS)} ms {kind} {how}")
        result.at_most(statistics.median(found["cold"]) * MS, 20, f"ms {kind}")
    result.measured = ", ".join(shown)


ROWS = (
    Row(
        "put-big",
        "put 1 GiB, half compressible",
        "at least 0.7 x `cp` + `fsync`, 2 x casync, 3 x restic and borg",
        put_big,
    ),
    Row(
        "put-csv",
        "put 400 CSV files (600 MB)",
        "at least 2 x the fastest that deduplicates and compresses",
        put_csv,
    ),
    Row("put-small", "put 20,000 small files", "at least 15,000 files/s", put_small),
    Row("put-wide", "put one directory of 100,000 names", "at least 30,000 names/s", put_wide),
    Row("put-again", "put again, nothing changed, 100,000 files", "under 1 s", put_again),
    Row(
        "commit-api",
        "commit one changed file among 1,000,000, through the API",
        "under 30 ms, and flat",
        commit_api,
    ),
    Row("commit-put", "the same as a `pfs put`", "under 0.4 s", commit_put),
    Row(
        "growth",
        "10 small edits of 256 MiB: growth, and the store after",
        "at most 0.6 MB a step, 195 MB",
        growth,
    ),
    Row(
        "size-small",
        "store size of 20,000 small similar files",
        "at most 0.8 x restic's and casync's",
        size_small,
    ),
    Row(
        "read",
        "read a whole file of 1 GiB through the API",
        "at least 1.2 GiB/s, 0.8 GiB/s through zstd",
        read,
    ),
    Row("resolve", "resolve in a history of 1,000,000 commits", "`master.500000` under 1 ms warm", resolve),
    Row("names", "10,000 repos, branches and tags", "each under 1 s", names),
    Row("diff", "diff of two commits that differ in 10 of 1,000,000 files", "under 20 ms", diff),
)
