"""A sandboxed command as a process: started from the main thread, waited for by pidfd.

Started by the thread that runs the event loop, and never by `trio.run_process`: trio starts processes from its
cached threads, `--die-with-parent` follows the *thread* that started the process, and the cache drops a thread after
ten idle seconds (measured: a long command was killed after exactly 10.0 s). By `posix_spawn`, which, unlike
`subprocess`, can put a descriptor at the number where the sandbox's shell expects the lifeline.

The current directory of this process must not be on a mount that it serves itself: `handle.py` starts workers in `/`.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import sys
import termios
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import trio

from pfsfuse.worker.printed import Printed

PIECE = 1 << 20
"""Read at once of what is printed; a pipe holds 64 KiB unless it is made larger."""
LIFELINE = 3
"""The descriptor on which the sandbox's PID 1 notices that this process is gone: `sandbox.py` says why."""
SHELLS = frozenset({"sh", "dash", "bash", "busybox", "ksh", "zsh"})


class Command:
    """A running sandbox and what is in it. `wait` must have returned before the object is dropped."""

    def __init__(
        self, argv: Sequence[str], *, env: Mapping[str, str], stdin: Sequence[str], log: Path
    ) -> None:
        """Start it, with `stdin` as lines and both outputs appended to `log`, which keeps their beginning and end.

        Raises OSError when the sandbox itself cannot be started, ValueError for a NUL in an argument.
        """
        self._log = Printed(log, time.time_ns)
        lifeline, self._lifeline = os.pipe()
        printed, output = os.pipe()
        try:
            with _stdin_file(stdin) as given:
                fds = {0: given, 1: output, 2: output, LIFELINE: lifeline}
                self.pid = os.posix_spawnp(
                    argv[0],
                    list(argv),
                    env,
                    file_actions=[(os.POSIX_SPAWN_DUP2, here, there) for there, here in fds.items()],
                    setsigdef=(signal.SIGPIPE, signal.SIGXFSZ),  # which Python ignores
                )
        except BaseException:
            os.close(self._lifeline)
            os.close(printed)
            self._log.close()
            raise
        finally:
            os.close(lifeline)
            os.close(output)
        self._printed = trio.lowlevel.FdStream(printed)

    async def wait(self) -> int:
        """The exit code as a shell shows it, once no process of the sandbox is alive and all it printed is in the log.

        Cancelled, it may be called again.
        """
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._keep_log)
            pidfd = os.pidfd_open(self.pid)
            try:
                await trio.lowlevel.wait_readable(pidfd)
            finally:
                os.close(pidfd)
        code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])  # ready: does not block
        os.close(self._lifeline)
        self._log.close()
        with trio.CancelScope(shield=True):
            await self._printed.aclose()
        return 128 - code if code < 0 else code

    def log_to(self, log: Path) -> None:
        """Append what is printed from now on to another log. Raises OSError."""
        before, self._log = self._log, Printed(log, time.time_ns)
        before.close()

    async def drain(self) -> None:
        """Until what has been printed so far is in the log; `wait` must be running beside this."""
        while int.from_bytes(fcntl.ioctl(self._printed.fileno(), termios.FIONREAD, bytes(4)), sys.byteorder):
            await trio.sleep(0.001)

    async def _keep_log(self) -> None:
        """Until nobody is left who could print."""
        while data := await self._printed.receive_some(PIECE):
            self._log.write(data)

    def terminate(self) -> None:
        """Ask the command to end (SIGTERM); without effect when it has not started or has ended.

        A shell without a trap that waits for the one program it runs is passed over: it would end at once, and take the
        program along before that could save anything. It goes on with its script when the program has ended.
        """
        commands = [command for init in _children(self.pid)[:1] for command in _children(init)[1:2]]
        for command in commands:
            while _is_plain_shell(command) and len(below := _children(command)) == 1:
                (command,) = below
            _send(command, signal.SIGTERM)

    def kill(self) -> None:
        """End everything in the sandbox (SIGKILL). `wait` returns soon after."""
        # Its PID 1 first: the kernel takes the whole namespace along, and the outer process reports that.
        if inits := _children(self.pid):
            _send(inits[0], signal.SIGKILL)
        else:
            _send(self.pid, signal.SIGKILL)


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


def _children(pid: int) -> list[int]:
    """The living children of a process whose only thread is its first, the oldest first."""
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def _is_plain_shell(pid: int) -> bool:
    """Whether a process is a shell that does nothing about SIGTERM."""
    try:
        status = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return False
    said = dict(line.split(":\t", 1) for line in status if ":\t" in line)
    caught = int(said["SigCgt"], 16) >> (signal.SIGTERM - 1) & 1
    return said["Name"] in SHELLS and not caught


def _send(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
