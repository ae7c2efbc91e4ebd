"""What a worker is asked, and what it answers.

    Launch   one command in one view; everything a process needs to run, and nothing about why
    Ended    how a launch ended
    Task     a launch that computes a datum: run it, keep what it wrote to /pfs/out under a pin
    Outcome  how a task ended
    Executor whoever runs tasks: processes on this host, or machines elsewhere

A task contains a launch, so datums and services run through the same code: the only difference is who
owns `/pfs/out` afterwards. A record is self-contained (commits by id, the command, the environment): the
same line can be sent to a process on this host or on another one, twice if need be.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, Protocol

import msgspec


class Input(msgspec.Struct, frozen=True, kw_only=True):
    """One directory below /pfs: some paths of one commit, read-only."""

    name: str
    """The directory's name below /pfs."""
    repo: str
    commit: str
    """32 hex digits."""
    paths: tuple[str, ...] = ("/",)
    """What is visible, each at its full path below /pfs/<name>; ("/",) is the whole commit."""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """The most that all processes of a launch may use together; None: no limit."""

    memory: int | None = None
    """Bytes, swap included. Whoever wants more is killed."""
    cpu: float | None = None
    """Cores. Whoever wants more waits."""


class Launch(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """One command, what it sees at /pfs, and where it may write."""

    name: str
    """Names this launch among those running in the same worker (a datum's id, a service's name)."""
    cmd: tuple[str, ...]
    inputs: tuple[Input, ...] = ()
    whole_host: bool = False
    """Show every repo, as the host's mount does, instead of `inputs`."""
    stdin: tuple[str, ...] = ()
    """Lines given to the command; it need not read them."""
    env: Mapping[str, str] = {}
    """Added to the small environment every command gets (PATH, HOME, LANG); wins over it."""
    working_dir: str = "/"
    image: str = ""
    """The container image to run in; "": the host's programs. Whoever gives the launch to a worker unpacks it."""
    root: str = ""
    """The image's files, a directory on the worker's host."""
    network: bool = True
    """Whether it reaches what the host reaches; otherwise nothing but itself."""
    limits: Limits = Limits()
    user: str | None = None
    """Name or number of a user of the host to run as; None: as the worker does. Another one needs root."""
    batch: str = ""
    """Launches of one batch are given, one after another, to one command that asks for the next; "" is none."""
    log: str
    """A file on the host; the command's stdout and stderr are appended to it as they come."""
    out: str = ""
    """A directory on the host, shown read-write at /pfs/out and kept; "" gives a fresh one that does not
    outlive the launch."""
    home: str = ""
    """A directory on the host that becomes HOME and is kept; "" as for `out`."""
    timeout_seconds: float | None = None
    """Killed when it has not ended by then."""


class Ended(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """How a launch ended. By then no process of it is alive."""

    name: str
    exit_code: int | None
    """What a shell would show (128 + n for signal n); None when the command was never started."""
    reason: str = ""
    """Why it did not run, or did not end by itself ("timed out after 3 s", "stopped"); "" when it ended
    by itself, whatever its exit code."""
    seconds: float = 0.0


class Task(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """One datum to compute. Running a task twice is harmless: what was pinned first is what counts."""

    job: str
    """The job's commit id, 32 hex digits."""
    pipeline: str
    datum: str
    """64 hex digits; what the launch wrote is pinned as `datum/<datum>`, unless that is there."""
    launch: Launch
    """Named after the datum, with `out` and `home` empty: each attempt starts with clean ones."""
    tries: int = 1
    """Attempts before the datum counts as failed; at least 1."""
    accept: tuple[int, ...] = ()
    """Exit codes that count as success besides 0."""
    err_cmd: tuple[str, ...] = ()
    """Run after an attempt that failed, where it ran; when it succeeds, the datum has recovered. () is none."""
    err_stdin: tuple[str, ...] = ()
    """Lines given to `err_cmd`."""


class Outcome(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """How a task ended. After "success" the datum's tree is pinned, durably; of others nothing is kept."""

    datum: str
    state: Literal["success", "failed", "recovered"]
    exit_code: int | None = None
    """Of the last attempt."""
    reason: str = ""
    """Why the last attempt failed: one line naming the datum's paths, then the last lines of its log."""
    seconds: float = 0.0
    """What the commands of all attempts took."""
    attempts: int = 1
    read_bytes: int = 0
    """The files that the datum was shown."""
    files: int = 0
    """Files and symlinks written to /pfs/out."""
    size: int = 0
    """Their bytes."""


class Executor(Protocol):
    """Runs tasks, at most `slots` at once."""

    @property
    def slots(self) -> int: ...

    async def run(self, task: Task) -> Outcome:
        """Compute `task`, however often the machinery below has to start again.

        A transform that fails is an Outcome; an exception means that the executor itself cannot go on.
        When cancelled, the task's processes are gone before this returns.
        """
        ...


def datum_pin(datum: str) -> bytes:
    """The pin that keeps the output of the datum with this id (64 hex digits)."""
    return b"datum/" + datum.encode("ascii")
