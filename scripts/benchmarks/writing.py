"""The mount: how fast programs write to a branch through it, beside the disk and bindfs.

Each run writes to a directory of its own, on a disk that has nothing left to write of what was there before.
"""

from __future__ import annotations

import itertools
import os
import random
import time
from pathlib import Path

from scripts.benchmarks.bench import MB, MIB, Bench, Result, Row
from scripts.benchmarks.mounts import Mounted, all_writable
from scripts.benchmarks.race import Scan, race

SIZE, COUNT, SMALL = 512 * MIB, 5_000, 4096
PATIENCE = 15
"""A run of writing is cut short after as many times the seconds of one of reading."""

_numbers = itertools.count()


def written_and_synced(mounted: Mounted, seconds: float) -> float:
    """Write a large file, a MiB at a time, and fsync it."""
    until, size = time.monotonic() + seconds * PATIENCE, 0
    block = random.Random("write").randbytes(MIB)
    descriptor = os.open(_place(mounted) / "large", os.O_WRONLY | os.O_CREAT, 0o644)
    try:
        while size < SIZE and time.monotonic() < until:
            size += os.write(descriptor, block)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return size / MB


def small_made(mounted: Mounted, seconds: float) -> float:
    """Make small files, no two alike."""
    until, where = time.monotonic() + seconds * PATIENCE, _place(mounted)
    block = random.Random("write").randbytes(SMALL - 4)
    for number in range(COUNT):
        descriptor = os.open(where / f"f{number:05d}", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        try:
            os.write(descriptor, number.to_bytes(4, "little") + block)
        finally:
            os.close(descriptor)
        if time.monotonic() > until:
            return number + 1
    return COUNT


def _place(mounted: Mounted) -> Path:
    where = mounted.sets["draft"] / f"run{next(_numbers)}"
    where.mkdir()
    return where


def _row(name: str, work: str, peer: str, goal: float, scan: Scan, unit: str) -> Row:
    def measure(bench: Bench, result: Result) -> None:
        mounts = bench.once("writable", lambda: all_writable(bench))
        middle = race(bench, result, list(mounts.values()), scan, unit, lambda _: os.sync())
        if peer in middle:
            result.at_least(middle["pfs"] / middle[peer], goal, f"x {peer}")

    return Row(name, work, f"at least {goal:g} x {peer}", measure)


ROWS = (
    _row("write", "write 512 MiB and fsync, in a draft", "ext4", 0.8, written_and_synced, "MB/s"),
    _row("make", "make 5,000 files of 4 KiB in a draft", "bindfs", 1.0, small_made, "/s"),
)
