"""Measuring rows one after another, and showing what came out."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from scripts.benchmarks.bench import MB, MIB, Bench, Result, Row, number, say

PEAK = 400 * MIB
"""Bytes that none of our processes may exceed."""


def measured(bench: Bench, row: Row) -> Result:
    """Measure one row; a failure is part of the result, and the others are measured all the same."""
    result = Result(row.name, row.work, row.goal)
    say(f"{row.name}: {row.work}")
    start = time.monotonic()
    try:
        row.measure(bench, result)
    except (OSError, RuntimeError) as error:
        result.error = str(error)
        say(f"{row.name} failed: {error}")
    if result.peak:
        result.at_most(result.peak / MIB, PEAK / MIB, "MiB of memory")
    say(f"{row.name}: {result.measured} ({time.monotonic() - start:.0f} s)")
    return result


def machine(bench: Bench) -> dict[str, Any]:
    """Where and when this was measured."""
    with open("/proc/meminfo") as lines:
        memory = int(lines.readline().split()[1]) // 1024
    return {
        "time": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "cpus": os.cpu_count(),
        "cpu": _cpu(),
        "memory_mib": memory,
        "kernel": platform.release(),
        "python": platform.python_version(),
        "load": os.getloadavg(),
        "runs": bench.runs,
        "quick": bench.quick,
        "peers": [peer.name for peer in bench.contenders],
        "not_installed": bench.absent,
    }


def _cpu() -> str:
    with open("/proc/cpuinfo") as lines:
        names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def as_json(machine: dict[str, Any], results: Sequence[Result]) -> dict[str, Any]:
    """Everything, for programs."""
    rows = []
    for result in results:
        row = asdict(result)
        for claim, found in zip(row["claims"], result.claims, strict=True):
            claim["met"] = found.met
        rows.append(row)
    return {"machine": machine, "rows": rows}


def table(machine: dict[str, Any], results: Sequence[Result]) -> str:
    """A table of Markdown."""
    lines = [
        f"{machine['time']}; {machine['cpus']} x {machine['cpu']}, {machine['memory_mib'] / 1024:.0f} GiB, "
        f"Linux {machine['kernel']}, Python {machine['python']}; load {machine['load'][0]:.1f} at the end; "
        f"medians of {machine['runs']} interleaved runs"
        + ("; small sizes (--quick)" if machine["quick"] else ""),
        "",
        "| work | goal | measured | peers in the same run | against the goal | memory |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for result in results:
        claims = "; ".join(str(claim) for claim in result.claims if claim.about != "MiB of memory")
        memory = f"{result.peak / MIB:.0f} MiB" if result.peak else ""
        measured = f"failed: {result.error.splitlines()[-1]}" if result.error else result.measured
        lines.append(
            f"| {result.work} | {result.goal} | {measured} | {', '.join(result.peers)} | {claims} | {memory} |"
        )
    return "\n".join(lines)


def rate(amount: float, seconds: float, unit: str) -> str:
    """For people: "240 MB/s"."""
    return f"{number(amount / (MB if unit == 'MB' else 1) / seconds)} {unit}/s"
