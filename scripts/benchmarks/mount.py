"""The mount: how fast a commit is read through it, beside the disk and others who mount the same files.

Cold: the program behind the mount was started anew and the kernel's caches were dropped. Warm: after a pass over the
same data. A single run is cut short after a few seconds and counts what it did.
"""

from __future__ import annotations

import os
import random
import statistics
import subprocess
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from scripts.benchmarks import writing
from scripts.benchmarks.bench import MB, Bench, Result, Row, number
from scripts.benchmarks.grown import made
from scripts.benchmarks.mounts import Mounted, all_mounted, drop_caches
from scripts.benchmarks.peers import PFS
from scripts.benchmarks.process import run
from scripts.benchmarks.race import Scan, race

PIECE = 1 << 20
PAGE = 4096
WARMING = 15.0
"""Seconds for the pass that warms; who is not done by then is measured as it is."""
SMALL, WIDE, READERS = 64 << 10, 100_000, 4


def read_all(paths: Iterable[Path], seconds: float, piece: int = PIECE) -> tuple[int, int]:
    """Read files from beginning to end: how many, and how many bytes."""
    until, count, size = time.monotonic() + seconds, 0, 0
    for path in paths:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            while read := len(os.read(descriptor, piece)):
                size += read
                if time.monotonic() > until:
                    return count + 1, size
        finally:
            os.close(descriptor)
        count += 1
    return count, size


def sequential(name: str) -> Scan:
    return lambda mounted, seconds: read_all(mounted.files(name), seconds)[1] / MB


def each_file(mounted: Mounted, seconds: float) -> float:
    """Open, read and close 20,000 small files."""
    return read_all(mounted.files("small"), seconds, SMALL)[0]


def at_random(mounted: Mounted, seconds: float) -> float:
    (path,) = mounted.files("big")
    random_, until, count = random.Random("pages"), time.monotonic() + seconds, 0
    descriptor = os.open(path, os.O_RDONLY)
    try:
        pages = os.fstat(descriptor).st_size // PAGE
        while time.monotonic() < until:
            for _ in range(50):
                os.pread(descriptor, PAGE, random_.randrange(pages) * PAGE)
            count += 50
    finally:
        os.close(descriptor)
    return count


def walked(mounted: Mounted, seconds: float) -> float:
    until, count = time.monotonic() + seconds, 0
    for folder, _, names in os.walk(mounted.sets["small"]):
        for name in names:
            os.lstat(os.path.join(folder, name))
        count += len(names) + 1
        if time.monotonic() > until:
            break
    return count


def long_listing(mounted: Mounted, seconds: float) -> float:
    where = mounted.sets["wide"]
    subprocess.run(["ls", "-l", where], stdout=subprocess.DEVNULL, check=True, env={"LC_ALL": "C"})
    return 1


def side_by_side(mounted: Mounted, seconds: float) -> float:
    paths = mounted.files("csv")
    with ThreadPoolExecutor(READERS) as pool:
        parts = pool.map(lambda part: read_all(paths[part::READERS], seconds)[1], range(READERS))
        return sum(parts) / MB


def rates(
    bench: Bench,
    result: Result,
    names: Iterable[str],
    scan: Scan,
    unit: str,
    *,
    cold: bool,
    warming: Scan | None = None,
) -> dict[str, float]:
    """How much each contender does in a second; see `race`.

    `warming` reads all that a warm `scan` may read, where that is another scan.
    """
    mounts = bench.once("mounts", lambda: all_mounted(bench))
    chosen = [mounts[name] for name in names if name in mounts]
    if not cold:
        for mounted in chosen:
            (warming or scan)(mounted, WARMING)
    return race(bench, result, chosen, scan, unit, Mounted.restart if cold else lambda _: None)


OURSELVES = ("pfs", "pfs --read-only")
EVERYBODY = (*OURSELVES, "ext4", "ceiling", "bindfs", "squashfuse_ll")
"""Cold, where each run begins with a mount, those without a goal are left out: a whole run should take ten minutes."""


def _row(
    name: str,
    work: str,
    goals: dict[str, float],
    scan: Scan,
    unit: str,
    *,
    cold: bool,
    warming: Scan | None = None,
) -> Row:
    def measure(bench: Bench, result: Result) -> None:
        names = [*OURSELVES, "ext4", "ceiling", *goals] if cold else EVERYBODY
        middle = rates(bench, result, dict.fromkeys(names), scan, unit, cold=cold, warming=warming)
        for peer, goal in goals.items():
            if peer in middle:
                result.at_least(middle["pfs"] / middle[peer], goal, f"x {peer}")
                result.at_least(middle["pfs --read-only"] / middle[peer], goal, f"x {peer} when read-only")

    said = ", ".join(f"{goal:g} x {peer}" for peer, goal in goals.items())
    return Row(name, f"{work}, {'cold' if cold else 'warm'}", f"at least {said}", measure)


def listing(name: str, cold: bool, most: float) -> Row:
    def measure(bench: Bench, result: Result) -> None:
        names = tuple(name for name in EVERYBODY if name not in ("bindfs", "squashfuse_ll"))
        middle = rates(bench, result, names, long_listing, "/s", cold=cold)
        seconds = {name: 1 / rate for name, rate in middle.items()}
        result.measured = f"{number(seconds.pop('pfs'))} s"
        result.peers = [f"{name} {number(value)} s" for name, value in seconds.items()]
        result.at_most(middle["ext4"] / middle["pfs"], most, "x ext4's time")

    work = f"ls -l of 100,000 names, {'cold' if cold else 'warm'}"
    return Row(name, work, f"at most {most:g} x ext4's time", measure)


def first_byte(bench: Bench, result: Result) -> None:
    ours = bench.once("mounts", lambda: all_mounted(bench))["pfs"]
    (path,) = ours.files("big")
    found = []
    for _ in range(bench.runs):
        ours.stop()
        drop_caches()
        start = time.perf_counter()
        ours.start()
        read_all([path], 0, 1)
        found.append(time.perf_counter() - start)
    result.runs["pfs"] = found
    result.measured = f"{number(statistics.median(found))} s"
    result.at_most(statistics.median(found), 0.7, "s")


def memory(bench: Bench, result: Result) -> None:
    store = made(bench.data, "files", count=bench.scaled(1_000_000, 1_000), nested=1)
    at = bench.fresh()
    pfs = [*PFS, "--store", store]
    run([*pfs, "mount", at])
    mounted = Mounted("pfs", {}, {}, at)
    try:
        daemon = next(at.glob(".pfs/status"))
        pid = daemon.read_text().partition('"pid": ')[2].split(",")[0]
        count = sum(len(names) for _, _, names in os.walk(at / "files@master.1"))
        held = _resident(pid)
        until = time.monotonic() + 60
        while (left := _resident(pid)) > 200 and time.monotonic() < until:
            drop_caches()
            time.sleep(0.2)
    finally:
        mounted.stop()
    result.runs["pfs"] = [held, left]
    result.measured = f"{held:.0f} MiB with {count:,} files known, {left:.0f} MiB when they are forgotten"
    result.at_most(held, 400, "MiB known")
    result.at_most(left, 200, "MiB forgotten")


def _resident(pid: str) -> float:
    """MiB of memory that is the process's own: what it maps of files is the page cache's."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("RssAnon"))) / 1024


ROWS = (
    _row("seq-warm", "read 1 GiB", {"ceiling": 0.9}, sequential("big"), "MB/s", cold=False),
    _row("seq-cold", "read 1 GiB", {"ext4": 0.6, "restic": 5}, sequential("big"), "MB/s", cold=True),
    _row("csv-warm", "read 400 tables", {"ceiling": 0.9}, sequential("csv"), "MB/s", cold=False),
    _row("csv-cold", "read 400 tables", {"ext4": 1.0}, sequential("csv"), "MB/s", cold=True),
    _row(
        "random-warm", "random 4 KiB", {"ext4": 0.9}, at_random, "/s", cold=False, warming=sequential("big")
    ),
    _row("random-cold", "random 4 KiB", {"ext4": 0.5, "squashfuse_ll": 5}, at_random, "/s", cold=True),
    _row(
        "small-warm",
        "20,000 files",
        {"squashfuse_ll": 1.0},
        each_file,
        "/s",
        cold=False,
    ),
    _row("small-cold", "20,000 files", {"ext4": 1.0}, each_file, "/s", cold=True),
    _row("walk-warm", "walk and stat", {"squashfuse_ll": 0.9}, walked, "/s", cold=False),
    _row("walk-cold", "walk and stat", {"ext4": 0.8}, walked, "/s", cold=True),
    listing("ls-warm", False, 1.1),
    listing("ls-cold", True, 1.2),
    _row("parallel-warm", "4 readers of 400 tables", {"ext4": 0.5}, side_by_side, "MB/s", cold=False),
    Row("first-byte", "from `pfs mount` to the first byte", "under 0.7 s", first_byte),
    Row("memory", "walk 1,000,000 files", "under 400 MiB, then under 200 MiB", memory),
    *writing.ROWS,
)
