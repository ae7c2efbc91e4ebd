"""Runs launches: a view, a room, a sandboxed command, and an end that is always an end.

This is the one path that datums and services take. Whatever happens (the command ends, runs out of time, is
stopped, the worker is told to quit) `run` returns or raises only when no process of the launch is alive and
the view is gone.
"""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import trio
from msgspec.structs import replace as replace_struct

from pfsfuse.errors import JobError
from pfsfuse.vfs import JobView, JobViews, ViewInput
from pfsfuse.worker import imageroot, logfile
from pfsfuse.worker.api import Ended, Launch, Limits
from pfsfuse.worker.batch import Batches
from pfsfuse.worker.cgroup import Group, Groups, describe
from pfsfuse.worker.command import Command
from pfsfuse.worker.rooms import Rooms
from pfsfuse.worker.sandbox import TMP, Host, Kind, Room, argv, image_host
from pfsfuse.worker.user import find_user, hand_over
from store import CommitId, Store

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(slots=True)
class Stopper:
    """Ends one launch from outside; good for one launch, before, while and after it runs."""

    _asked: bool = False
    _command: Command | None = None
    _scope: trio.CancelScope = field(default_factory=trio.CancelScope)
    """Around the wait for the command that runs; each attempt of a task has its own."""

    def asked(self) -> bool:
        """Whether somebody wanted an end."""
        return self._asked

    def stop(self, grace_seconds: float) -> None:
        """SIGTERM now, SIGKILL when the grace is over."""
        self._asked = True
        if self._command is not None:
            self._command.terminate()
        self._scope.deadline = min(self._scope.deadline, trio.current_time() + grace_seconds)

    async def hold(
        self, command: Command, timeout_seconds: float | None, wait: Callable[[], Awaitable[object]]
    ) -> object:
        """What `wait` gives; None when time was up or an end was wanted, and then the command is still there."""
        self._command = command
        self._scope = trio.CancelScope()
        if timeout_seconds is not None:
            self._scope.deadline = trio.current_time() + timeout_seconds
        found: object = None
        try:
            with self._scope:
                found = await wait()
        finally:
            self._command = None
        return found

    async def wait_for(self, command: Command, timeout_seconds: float | None) -> int | None:
        """The command's exit code; None when it had to be killed, which has happened then."""
        self._command = command
        self._scope = trio.CancelScope()
        if timeout_seconds is not None:
            self._scope.deadline = trio.current_time() + timeout_seconds
        code: int | None = None
        try:
            with self._scope:
                code = await command.wait()
        finally:
            self._command = None
            if code is None:
                with trio.CancelScope(shield=True):
                    command.kill()
                    await command.wait()
        return code


class Runner:
    """Everything launches in this worker share."""

    def __init__(
        self, store: Store, views: JobViews, rooms: Rooms, host: Host, kind: Kind, nursery: trio.Nursery
    ) -> None:
        self._store = store
        self._views = views
        self._rooms = rooms
        self._host = host
        self._kind = kind
        self._groups = Groups(os.getpid())
        self._batches = Batches(rooms.directory, rooms.debris, self._start_batch, nursery)

    @asynccontextmanager
    async def open_room(self, launch: Launch) -> AsyncIterator[Room]:
        """The launch's view and directories, as long as the context lasts."""
        view = self._views.add(self._job_view(launch))
        try:
            async with self._rooms.open_room(launch, view) as room:
                yield room
        finally:
            self._views.remove(view)

    async def run(
        self, launch: Launch, room: Room, stopper: Stopper, started: Callable[[int], None] = lambda pid: None
    ) -> Ended:
        """Run the command in `room` until it has ended; `started` is called with the sandbox's pid."""
        if stopper.asked():
            return Ended(name=launch.name, exit_code=None, reason="stopped")
        if launch.batch:
            try:
                if (user := find_user(launch.user)) is not None:
                    await trio.to_thread.run_sync(hand_over, user, room.out, room.tmp)
            except JobError as error:
                return Ended(name=launch.name, exit_code=None, reason=f"cannot be started: {error}")
            ended = await self._batches.run(launch, room, stopper.hold)
            return replace_struct(ended, exit_code=None, reason="stopped") if stopper.asked() else ended
        begun = trio.current_time()
        try:
            command, group = await self._start(launch, room)
        except (OSError, ValueError, JobError) as error:  # no memory, too long an argument list, no such user
            return Ended(name=launch.name, exit_code=None, reason=f"cannot be started: {error}")
        started(command.pid)
        try:
            code = await stopper.wait_for(command, launch.timeout_seconds)
            starved = group is not None and code != 0 and group.out_of_memory()
        finally:
            if group is not None:
                group.remove()
        reason = ""
        if stopper.asked():
            reason = "stopped"
        elif code is None:
            reason = f"timed out after {launch.timeout_seconds:g} s"
        elif starved and launch.limits.memory is not None:
            reason = f"out of memory: it may use {launch.limits.memory / (1 << 20):g} MiB (exit code {code})"
        return Ended(name=launch.name, exit_code=code, reason=reason, seconds=trio.current_time() - begun)

    async def _start(self, launch: Launch, room: Room) -> tuple[Command, Group | None]:
        """The command of a launch, started in `room`, and what limits it. Raises OSError, ValueError, JobError."""
        group: Group | None = None
        try:
            user = find_user(launch.user)
            if user is not None:
                await trio.to_thread.run_sync(hand_over, user, room.out, room.tmp)
            group = self._group(launch)
            home, host = room.home if user is None else TMP, self._host
            if launch.root:
                home, host = imageroot.HOME, image_host(self._kind, Path(launch.root))
            line = argv(
                self._kind,
                replace(room, home_inside=imageroot.HOME if launch.root else None),
                host,
                launch.cmd,
                launch.working_dir or "/",
                user,
                network=launch.network,
            )
            command = Command(
                line if group is None else group.around(line),
                env=environment(launch, home),
                stdin=launch.stdin,
                log=Path(launch.log),
            )
        except BaseException:
            if group is not None:
                group.remove()
            raise
        return command, group

    async def _start_batch(self, launch: Launch, room: Room) -> tuple[Command, Callable[[], None]]:
        if self._kind != "bubblewrap":
            raise JobError("datum_batching needs bubblewrap", hint="`apt-get install bubblewrap`")
        command, group = await self._start(launch, room)
        return command, (lambda: None) if group is None else group.remove

    def _group(self, launch: Launch) -> Group | None:
        """What limits the launch; None when nothing does, which is said in its log when something should."""
        if launch.limits == Limits():
            return None
        group = self._groups.open_group(launch.limits)
        if group is None:
            said = f"no limit on {describe(launch.limits)}: control groups cannot be used here"
            logfile.write_line(Path(launch.log), said)
        return group

    def _job_view(self, launch: Launch) -> JobView:
        inputs = {
            each.name: ViewInput(self._store.commit(each.repo, CommitId.parse(each.commit)), each.paths)
            for each in launch.inputs
        }
        return JobView(inputs, whole_host=launch.whole_host)


def environment(launch: Launch, home: Path) -> dict[str, str]:
    """The whole environment of the command: little of the host's, then what the launch says."""
    return {
        "PATH": PATH if launch.root else f"{os.path.dirname(sys.executable)}:{PATH}",
        "HOME": str(home),
        "LANG": "C.UTF-8",
        **launch.env,
    }
