"""Running a command to its end, and what that took: time, CPU, and the peak memory of the whole process."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

KIB = 1 << 10
_ENV = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
"""As a user has it: with that variable, each process of ours compiles its modules anew, which takes half its time."""
_ENV["LC_ALL"] = "C.UTF-8"


@dataclass(frozen=True, slots=True)
class Run:
    """What one command, or several one after another, took."""

    seconds: float
    cpu: float
    """User and system seconds, of the process and all it waited for."""
    peak: int
    """Bytes resident at most, in the largest process."""
    output: str = ""

    def __add__(self, other: Run) -> Run:
        return Run(
            self.seconds + other.seconds,
            self.cpu + other.cpu,
            max(self.peak, other.peak),
            self.output + other.output,
        )


NOTHING = Run(0, 0, 0)


def run(command: Sequence[str | Path], env: Mapping[str, str] | None = None, cwd: Path | None = None) -> Run:
    """Run `command` to its end. Raises RuntimeError with the end of what it said when it fails."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        start = time.perf_counter()
        child = subprocess.Popen(
            [os.fspath(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            env={**_ENV, **(env or {})},
            cwd=cwd,
        )
        # wait4 and not Popen.wait: it tells what the child used.
        _, status, usage = os.wait4(child.pid, 0)
        seconds = time.perf_counter() - start
        child.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        output = out.read().decode(errors="replace")
        if child.returncode:
            said = (output + err.read().decode(errors="replace")).strip()[-2000:]
            raise RuntimeError(f"{command[0]} ended with {child.returncode}: {said}")
    return Run(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * KIB, output)


def run_all(commands: Sequence[Sequence[str | Path]], env: Mapping[str, str] | None = None) -> Run:
    """Run several one after another."""
    return sum((run(command, env) for command in commands), NOTHING)


def used(directory: Path) -> int:
    """Bytes that `directory` and all below take on disk (holes do not count)."""
    return sum(
        os.lstat(Path(folder, name)).st_blocks * 512
        for folder, _, names in os.walk(directory)
        for name in names
    )
