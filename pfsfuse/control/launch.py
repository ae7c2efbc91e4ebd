"""Starting a daemon that stays when the command returns.

The daemon is a new program, never a fork of the command: an LMDB environment must not be carried across a fork. It
gets a session of its own, its output goes to `<store>/logs/daemon.log`, and it says once, on a pipe, how its start
ended, in one line of JSON, so that the command can print the daemon's error as its own.
"""

from __future__ import annotations

import os
import select
import subprocess
import sys
import tempfile
from pathlib import Path

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


def start_mount(config: Config, mountpoint: Path, options: MountOptions | None = None) -> Ready:
    """Start a daemon that mounts at `mountpoint`; returns when the mount answers.

    Raises MountError for what is wrong with the mountpoint or the machine, StartFailed for anything else the
    daemon reports; nothing is mounted or running then.
    """
    arguments = ["--mountpoint", os.path.abspath(mountpoint)]
    arguments += ["--options", msgspec.json.encode(options).decode()] if options is not None else []
    return _start(config, arguments)


def start_scheduler(config: Config) -> Ready:
    """Start a daemon that runs pipelines and services without a mount; returns when it answers."""
    return _start(config, [])


def _start(config: Config, arguments: list[str]) -> Ready:
    readable, writable = os.pipe()
    command = [
        sys.executable,
        "-m",
        PROGRAM,
        "--store",
        str(config.store),
        *arguments,
        *(() if config.dask is None else ("--dask", config.dask)),
        "--ready-fd",
        str(writable),
    ]
    with open(readable, "rb") as report, tempfile.TemporaryFile() as said:
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=said,
                start_new_session=True,
                pass_fds=(writable,),
                # Never on a mount of ours: a daemon whose own directory it serves waits for itself.
                cwd="/",
            )
        finally:
            os.close(writable)
        # One line, then its end of the pipe is closed; closed without a line, the daemon has died.
        if not select.select([report], [], [], START_SECONDS)[0]:
            process.terminate()
            raise DaemonError(
                f"the daemon {process.pid} has not started within {START_SECONDS:.0f} s and was told to end",
                hint=f"its log is {address.log_path(config.store)}",
            )
        if line := report.read():
            return _ready(process, msgspec.json.decode(line, type=Ready | Failed))
        # It died before it could say why: what the interpreter said is the last resort.
        process.wait()
        said.seek(0)
        last = said.read().decode(errors="replace").strip().rpartition("\n")[2]
        raise DaemonError(
            f"the daemon died while starting: {last or f'status {process.returncode}'}",
            hint=f"its log is {address.log_path(config.store)}",
        )


def _ready(process: subprocess.Popen[bytes], answer: Ready | Failed) -> Ready:
    if isinstance(answer, Ready):
        # It outlives this process on purpose; without this, Popen warns of a child that was not waited for.
        process.returncode = 0
        return answer
    process.wait()
    if answer.error == MountError.__name__:
        raise MountError(answer.message, hint=answer.hint)
    raise StartFailed(answer)
