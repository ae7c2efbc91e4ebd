"""Running the example's programs as people run them: as processes, on a terminal and without one."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "bike_share"

FOUND = """\
dates: 2016-07-30, 2016-07-31
sales: 138900, 138255 (July's median is 218680)
rain: 0.68, 0.88 precipitation probability
"""
"""What the investigation prints."""

Done = subprocess.CompletedProcess[str]


@contextlib.contextmanager
def investigating_alone() -> Iterator[None]:
    """No other test of this machine runs the investigation meanwhile: each asks for the ports of jupyter.json."""
    with open(Path(tempfile.gettempdir(), "pfs-tests-investigation.lock"), "a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def program(name: str, *arguments: object) -> Done:
    """Run one of the example's programs to its end."""
    command = [sys.executable, str(EXAMPLE / name), *map(str, arguments)]
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=600)


def pfs(place: Place, *arguments: str) -> Done:
    """Run `pfs` on the store of `place`."""
    command = [sys.executable, "-m", "pfsfuse.cli", "--store", str(place.store), *arguments]
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=600)


@dataclass(frozen=True, slots=True)
class Place:
    """Where one investigation happens: directories of its own, nothing of the user's."""

    store: Path
    mountpoint: Path
    figure: Path

    @classmethod
    def below(cls, directory: Path) -> Place:
        return cls(directory / "store", directory / "pfs", directory / "figure.png")

    def arguments(self) -> list[str]:
        """For run.py."""
        where = ["--store", str(self.store), "--mountpoint", str(self.mountpoint)]
        return [*where, "--figure", str(self.figure)]

    def left_behind(self) -> list[str]:
        """Mounts and processes that know this place, one line each: none when a run has ended."""
        mounts = [
            line for line in Path("/proc/mounts").read_text().splitlines() if str(self.mountpoint) in line
        ]
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):  # it has ended meanwhile
                line = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                if (
                    str(self.store) in line
                    and (process / "stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
                ):
                    found.append(f"{process.name} {line}")
        return mounts + found


class Attended:
    """An investigation run on a terminal, up to the point where it prints `until`."""

    def __init__(self, place: Place, *, until: str = "until Ctrl-C") -> None:
        self.place = place
        self.printed = ""
        self._terminal, slave = os.openpty()
        self.process = subprocess.Popen(
            [sys.executable, EXAMPLE / "run.py", *place.arguments()], stdin=slave, stdout=slave, stderr=slave
        )
        os.close(slave)
        try:
            self._read_until(until)
        except BaseException:
            self.end()
            raise

    @property
    def url(self) -> str:
        """What it printed, token included."""
        (found,) = re.findall(r"^url: (\S+)", self.printed, re.MULTILINE)
        return str(found)

    def _read_until(self, text: str, seconds: float = 400) -> None:
        deadline = time.monotonic() + seconds
        while text not in self.printed:
            ready, _, _ = select.select([self._terminal], [], [], max(0, deadline - time.monotonic()))
            if not ready:
                raise TimeoutError(f"no {text!r} after {seconds} s, only:\n{self.printed}")
            try:
                self.printed += os.read(self._terminal, 65536).decode(errors="replace")
            except OSError as error:  # how a terminal says that its last process has ended
                raise RuntimeError(f"it ended without {text!r}:\n{self.printed}") from error

    def end(self, signum: int = signal.SIGINT) -> int:
        """Send `signum`, and wait; the exit code. Harmless when it has ended already."""
        if self.process.poll() is None:
            self.process.send_signal(signum)
            # Somebody has to read what it prints at the end, or it waits for that.
            with contextlib.suppress(RuntimeError):
                self._read_until("what nobody prints")
        return self.process.wait(timeout=60)
