"""Commands that compute many datums one after another (`transform.datum_batching`).

The command is started once, in a sandbox whose /pfs is a plain directory of ours. For each datum its inputs and a fresh
`out` are mounted below that directory. The sandbox's copy of it is a *slave* of ours, so that the kernel shows the same
there, and the view is switched under a running process:

    command                            worker
    connects to /pfs/.next ──ask──>    what the datum before wrote is kept, its mounts are taken away
                                       the next datum's inputs and out are mounted; /pfs/.env is written
    computes             <──env───     …
    connects again       ──ask──>      success; or failed, when it says why
    ends, or takes too long            the datum that is there has failed; the next one starts the command anew

A command that waits for a datum is kept for IDLE_SECONDS, and then told that there is none. Whatever it still has open
of an earlier datum is its own affair: what it writes there after it asked for the next one is lost.
"""

from __future__ import annotations

import contextlib
import json
import os
import shlex
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import trio

from pfsfuse.errors import JobError
from pfsfuse.worker import namespace
from pfsfuse.worker.api import Ended, Launch
from pfsfuse.worker.command import Command
from pfsfuse.worker.debris import Debris
from pfsfuse.worker.lines import LineReader
from pfsfuse.worker.sandbox import Room

IDLE_SECONDS = 60.0
MOST_ASKED = 1 << 20
"""Bytes that a command may ask with: they are held by the worker, which no limit of the command's holds for."""
MOST_SAID = 8 << 10
"""Characters that are kept of why a datum has failed."""
END_SECONDS = 10.0
"""For a command to end once it has been told that there is no more to do."""


@dataclass(frozen=True, slots=True)
class Ask:
    """The command wants the next datum."""

    error: str | None
    """Why the one before has failed, if it has."""
    stream: trio.SocketStream

    async def answer(self, env: dict[str, str] | None) -> None:
        """Let the command go on; None: there is none."""
        with contextlib.suppress(trio.BrokenResourceError):  # it has ended, which is noticed elsewhere
            await self.stream.send_all(json.dumps({"env": env}).encode() + b"\n")
        await self.stream.aclose()


@dataclass
class Batch:
    """A command that is running, and what it sees."""

    home: Path
    """Its directory, on the host."""
    command: Command
    debris: Debris
    ended: trio.Event = field(default_factory=trio.Event)
    code: int | None = None
    pending: Ask | None = None
    """An ask that has not been answered: it waits for a datum."""
    mounted: list[Path] = field(default_factory=list)
    turns: int = 0
    """Datums that it was given."""
    users: int = 2
    """Who needs its directory: its own life, and the datum that it computes. The last of them removes it, so that
    nothing is removed while a datum is mounted there or taken away."""

    def __post_init__(self) -> None:
        self._asked, self._asks = trio.open_memory_channel[Ask](0)

    @property
    def pfs(self) -> Path:
        """Its /pfs, on the host."""
        return self.home / "pfs"

    async def serve(self, listener: trio.SocketListener) -> None:
        """Take what the command asks, one after another."""
        while True:
            stream = await listener.accept()
            line = await LineReader(stream, most=MOST_ASKED).next_line()
            try:
                said = json.loads(line or b"")
                error = None if said["error"] is None else str(said["error"])[:MOST_SAID]
            except (ValueError, KeyError, TypeError, RecursionError):
                await stream.aclose()
                continue
            await self._asked.send(Ask(error, stream))

    async def wait_ask(self) -> Ask | None:
        """The next ask; None when the command has ended instead."""
        found: Ask | None = None
        async with trio.open_nursery() as nursery:

            async def end() -> None:
                await self.ended.wait()
                nursery.cancel_scope.cancel()

            nursery.start_soon(end)
            found = await self._asks.receive()
            nursery.cancel_scope.cancel()
        return found

    def show(self, launch: Launch, room: Room) -> None:
        """Mount a datum: its inputs, and its `out`. In a thread: the view is this process's own mount, which the loop
        answers."""
        self.turns += 1
        for name, source in [(each.name, room.view / each.name) for each in launch.inputs] + [
            ("out", room.out)
        ]:
            point = self.pfs / name
            point.mkdir(exist_ok=True)
            namespace.bind(source, point)
            self.mounted.append(point)
        lines = (f"{name}={shlex.quote(value)}\n" for name, value in launch.env.items())
        (self.pfs / ".env").write_text("".join(lines), encoding="utf-8", errors="surrogateescape")

    def hide(self) -> None:
        """Take the datum away. In a thread, for the same reason."""
        while self.mounted:
            point = self.mounted.pop()
            namespace.detach(point)
            if point.name != "out":
                point.rmdir()

    async def kill(self) -> None:
        """Returns when nothing of it is alive."""
        with trio.CancelScope(shield=True):
            self.command.kill()
            await self.ended.wait()

    async def release(self) -> None:
        """Do without its directory."""
        self.users -= 1
        if not self.users:
            await _remove(self.home, self.debris)


Start = Callable[[Launch, Room], Awaitable[tuple[Command, Callable[[], None]]]]
"""Starts the command of a launch; with it comes what is to be done when it has ended."""
Hold = Callable[[Command, float | None, Callable[[], Awaitable[object]]], Awaitable[object]]


class Batches:
    """The commands of one worker that compute many datums."""

    def __init__(self, directory: Path, debris: Debris, start: Start, nursery: trio.Nursery) -> None:
        self._directory = directory
        self._debris = debris
        self._start = start
        self._nursery = nursery
        self._made = 0
        self._idle: dict[str, list[Batch]] = defaultdict(list)

    async def run(self, launch: Launch, room: Room, hold: Hold) -> Ended:
        """Give a datum to the command of `launch.batch`, started if need be; how it went once it asks for another.

        `hold` waits, and gives None when time was up or an end was wanted.
        """
        begun = trio.current_time()

        def ended(code: int | None, reason: str = "") -> Ended:
            return Ended(name=launch.name, exit_code=code, reason=reason, seconds=trio.current_time() - begun)

        try:
            batch = self._take(launch.batch) or await self._nursery.start(self._live, launch)
        except (OSError, ValueError, JobError) as error:
            return ended(None, f"cannot be started: {error}")
        ask: object = None
        try:
            batch.command.log_to(Path(launch.log))
            ask = await hold(batch.command, launch.timeout_seconds, lambda: self._turn(batch, launch, room))
        finally:
            if not isinstance(ask, Ask):
                await batch.kill()
            with trio.CancelScope(shield=True):
                await trio.to_thread.run_sync(batch.hide)
                await batch.release()
        if ask is None:
            return ended(
                None, f"timed out after {launch.timeout_seconds:g} s" if launch.timeout_seconds else ""
            )
        if not isinstance(ask, Ask):
            return ended(batch.code, f"ended with exit code {batch.code}, without asking for the next datum")
        await batch.command.drain()
        batch.pending = ask
        self._idle[launch.batch].append(batch)
        self._nursery.start_soon(self._expire, launch.batch, batch, batch.turns)
        return ended(0) if ask.error is None else ended(None, f"it said: {ask.error}")

    async def _turn(self, batch: Batch, launch: Launch, room: Room) -> Ask | str:
        """One datum, from the ask that it answers to the next one; "ended" when the command has ended instead."""
        first = batch.pending or await batch.wait_ask()
        batch.pending = None
        if first is None:
            return "ended"
        # Not before: bubblewrap makes what is mounted while it starts read-only.
        await trio.to_thread.run_sync(batch.show, launch, room)
        await first.answer(dict(launch.env))
        return await batch.wait_ask() or "ended"

    def _take(self, key: str) -> Batch | None:
        idle = self._idle[key]
        while idle:
            if not (batch := idle.pop()).ended.is_set():
                batch.users += 1
                return batch
        return None

    async def _live(self, launch: Launch, task_status: trio.TaskStatus[Batch]) -> None:
        """From the start of a command to its end, and the end of what it was given."""
        self._made += 1
        own = self._directory / f"batch-{self._made}"
        pfs = own / "pfs"
        room = Room(view=pfs, out=own / "out", home=own / "home", tmp=own / "tmp", switched=True)
        for path in (pfs / "out", room.out, room.home, room.tmp):
            path.mkdir(mode=0o755, parents=True)
        namespace.bind(pfs, pfs)
        batch: Batch | None = None
        try:
            namespace.share(pfs)
            listener = await _listen(pfs)
            async with listener:
                command, ended = await self._start(launch, room)
                batch = Batch(own, command, self._debris)
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(batch.serve, listener)
                    task_status.started(batch)
                    try:
                        batch.code = await batch.command.wait()
                    finally:
                        if batch.code is None:
                            with trio.CancelScope(shield=True):
                                batch.command.kill()
                                batch.code = await batch.command.wait()
                        ended()
                        batch.ended.set()
                    nursery.cancel_scope.cancel()
        finally:
            await (_remove(own, self._debris) if batch is None else batch.release())

    async def _expire(self, key: str, batch: Batch, turns: int) -> None:
        """End a command that has been idle since so many turns."""
        with trio.move_on_after(IDLE_SECONDS):
            await batch.ended.wait()
        if batch.turns != turns or batch not in self._idle[key]:
            return
        self._idle[key].remove(batch)
        if batch.pending is not None and not batch.ended.is_set():
            await batch.pending.answer(None)
            with trio.move_on_after(END_SECONDS):
                await batch.ended.wait()
            await batch.kill()


async def _remove(own: Path, debris: Debris) -> None:
    """Take away what is mounted in a directory, and it."""

    def detach() -> None:
        for point in reversed(namespace.mounts_below(own)):
            namespace.detach(point)

    with trio.CancelScope(shield=True):
        await trio.to_thread.run_sync(detach)
    await debris.remove(own)


async def _listen(pfs: Path) -> trio.SocketListener:
    """The socket `.next` in a directory, whatever the length of its path: an address has at most 107 bytes."""
    directory = os.open(pfs, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        socket = trio.socket.socket(trio.socket.AF_UNIX)
        await socket.bind(f"/proc/self/fd/{directory}/.next")
        socket.listen()
    finally:
        os.close(directory)
    (pfs / ".next").chmod(0o777)
    return trio.SocketListener(socket)
