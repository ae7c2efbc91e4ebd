"""Starting a daemon that stays when the command returns.

The daemon is a new program, never a fork of the command: an LMDB environment must not be carried across a fork. It
gets a session of its own, its output goes to `<store>/logs/daemon.log`, and it says once, on a pipe, how its start
ended, in one line of JSON, so that the command can print the daemon's error as its own. It loads its program, which is
half of the time that a mount takes, before it is told to begin, by a line on its standard input.
"""

from __future__ import annotations

import os
import select
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Self

import msgspec

from pfsfuse.config import Config
from pfsfuse.control import address
from pfsfuse.errors import DaemonError, MountError
from pfsfuse.mountoptions import MountOptions

PROGRAM = "pfsfuse.mountd"
"""The module that is run; it sits above this layer because it brings everything along."""

START_SECONDS = 60.0
"""For a daemon to say how its start ended; on an idle machine it needs half a second."""


class Ready(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="ready"):
    """The daemon works: what was asked for is mounted and the control socket answers."""

    pid: int
    mountpoint: str | None
    log: str
    """Where it writes what happens from now on."""


class Failed(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="failed"):
    """The daemon gave up; it has ended and left nothing."""

    error: str
    """The name of the error's class."""
    message: str
    hint: str


class StartFailed(DaemonError):
    """The daemon could not start; the message is the daemon's own."""

    def __init__(self, failed: Failed) -> None:
        super().__init__(failed.message, hint=failed.hint)
        self.error = failed.error


class Starting:
    """A daemon's process that loads its program, while whoever starts it looks whether all is well; a context manager.

    Nothing is opened or mounted before `go`. Left without it, the process ends, and nobody hears of it.
    """

    def __init__(self, config: Config, mountpoint: Path | None) -> None:
        """Begin to start a daemon that mounts at `mountpoint`; None: one that runs pipelines and services only."""
        self._config = config
        readable, writable = os.pipe()
        command = [sys.executable, "-m", PROGRAM, "--store", str(config.store), "--ready-fd", str(writable)]
        command += ["--mountpoint", os.path.abspath(mountpoint)] if mountpoint is not None else []
        command += ["--dask", config.dask] if config.dask is not None else []
        self._report = open(readable, "rb")  # noqa: SIM115  # closed when the block ends
        self._said = tempfile.TemporaryFile()  # noqa: SIM115
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=self._said,
                start_new_session=True,
                pass_fds=(writable,),
                # Never on a mount of ours: a daemon whose own directory it serves waits for itself.
                cwd="/",
            )
        except BaseException:
            self._close()
            raise
        finally:
            os.close(writable)

    @property
    def pid(self) -> int:
        return self._process.pid

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._tell(b""):
            self._process.kill()  # it has nothing yet that could be left behind
            self._process.wait()
        self._close()

    def go(self, options: MountOptions | None = None) -> Ready:
        """Have it begin; returns when the mount answers.

        Raises MountError for what is wrong with the mountpoint or the machine, StartFailed for anything else the
        daemon reports; nothing is mounted or running then. Interrupted by Ctrl-C, the daemon has been told to end.
        """
        self._tell(msgspec.json.encode(options or MountOptions()) + b"\n")
        try:
            # One line, then its end of the pipe is closed; closed without a line, the daemon has died.
            answered = bool(select.select([self._report], [], [], START_SECONDS)[0])
        except KeyboardInterrupt:
            self._process.terminate()
            self._process.wait()
            raise
        if not answered:
            self._process.terminate()
            raise DaemonError(
                f"the daemon {self._process.pid} has not started within {START_SECONDS:.0f} s and was told to end",
                hint=f"its log is {address.log_path(self._config.store)}",
            )
        if line := self._report.read():
            return _ready(self._process, msgspec.json.decode(line, type=Ready | Failed))
        # It died before it could say why: what the interpreter said is the last resort.
        self._process.wait()
        self._said.seek(0)
        last = self._said.read().decode(errors="replace").strip().rpartition("\n")[2]
        raise DaemonError(
            f"the daemon died while starting: {last or f'status {self._process.returncode}'}",
            hint=f"its log is {address.log_path(self._config.store)}",
        )

    def _tell(self, line: bytes) -> bool:
        """Say `line`, after which nothing is said; whether nothing had been said before."""
        orders = self._process.stdin
        assert orders is not None
        if orders.closed:
            return False
        with suppress(BrokenPipeError), orders:  # it has died; how, is told by what follows
            orders.write(line)
        return True

    def _close(self) -> None:
        self._report.close()
        self._said.close()


def start_mount(config: Config, mountpoint: Path, options: MountOptions | None = None) -> Ready:
    """Start a daemon that mounts at `mountpoint`; returns when the mount answers. Raises as `Starting.go` does."""
    with Starting(config, mountpoint) as starting:
        return starting.go(options)


def start_scheduler(config: Config) -> Ready:
    """Start a daemon that runs pipelines and services without a mount; returns when it answers."""
    with Starting(config, None) as starting:
        return starting.go()


def _ready(process: subprocess.Popen[bytes], answer: Ready | Failed) -> Ready:
    if isinstance(answer, Ready):
        # It outlives this process on purpose; without this, Popen warns of a child that was not waited for.
        process.returncode = 0
        return answer
    process.wait()
    if answer.error == MountError.__name__:
        raise MountError(answer.message, hint=answer.hint)
    raise StartFailed(answer)
