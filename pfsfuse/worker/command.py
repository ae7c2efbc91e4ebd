"""A sandboxed command as a process: started from the main thread, waited for by pidfd.

`subprocess.Popen`, called in the thread that runs the event loop, and never `trio.run_process`: trio starts
processes from its cached threads, `--die-with-parent` follows the *thread* that started the process, and the
cache drops a thread after ten idle seconds (measured: a long command was killed after exactly 10.0 s).
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import trio


class Command:
    """A running sandbox and what is in it. `wait` must have returned before the object is dropped."""

    def __init__(
        self, argv: Sequence[str], *, env: Mapping[str, str], stdin: Sequence[str], log: Path
    ) -> None:
        """Start it, with `stdin` as lines and both outputs appended to `log`.

        Raises OSError when the sandbox itself cannot be started.
        """
        with open(log, "ab", opener=_private) as output, _stdin_file(stdin) as given:
            self._process = subprocess.Popen(
                argv,
                stdin=given,
                stdout=output,
                stderr=output,
                env=dict(env),
                cwd="/",  # never on a mount of our own, which this very process serves
            )
        self.pid = self._process.pid

    async def wait(self) -> int:
        """The exit code as a shell shows it, once no process of the sandbox is alive."""
        pidfd = os.pidfd_open(self.pid)
        try:
            await trio.lowlevel.wait_readable(pidfd)
        finally:
            os.close(pidfd)
        code = self._process.wait()  # ready: does not block
        return 128 - code if code < 0 else code

    def terminate(self) -> None:
        """Ask the command itself to end (SIGTERM); without effect when it has not started or has ended."""
        if (init := _child(self.pid)) and (command := _child(init)):
            _send(command, signal.SIGTERM)

    def kill(self) -> None:
        """End everything in the sandbox (SIGKILL). `wait` returns soon after."""
        # Its PID 1 first: the kernel takes the whole namespace along, and the outer process reports that.
        if init := _child(self.pid):
            _send(init, signal.SIGKILL)
        else:
            self._process.kill()


@contextlib.contextmanager
def _stdin_file(lines: Sequence[str]) -> Iterator[int]:
    """A descriptor to read `lines` from, each ended by a newline; at its end at once when there are none.

    A file in memory and not a pipe: nobody has to feed it, and a command that does not read it is no error.
    """
    descriptor = os.memfd_create("stdin")
    try:
        with open(descriptor, "wb", closefd=False) as file:
            file.writelines(line.encode("utf-8", "surrogateescape") + b"\n" for line in lines)
        os.lseek(descriptor, 0, os.SEEK_SET)
        yield descriptor
    finally:
        os.close(descriptor)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _child(pid: int) -> int | None:
    """The oldest living child of a process whose only thread is its first; None when there is none."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return None
    return int(children[0]) if children else None


def _send(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
