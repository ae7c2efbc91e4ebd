"""A task: run the launch, keep what it wrote, or say well why not.

1. a clean room; the command runs in it               a crash here leaves scratch, and no pin
2. /pfs/out is written into the store, in batches     a crash here leaves objects that nothing names
3. the last batch, and with it the pin `datum/<id>`   from here on the datum is never computed again

When an attempt fails, `err_cmd` runs where it ran: in the room as it was left, with the same inputs and the same time.
If that succeeds, the datum has recovered, and is not tried again; nothing is kept, so that the next job computes it.
"""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import trio
from msgspec.structs import replace

from pfsfuse.errors import PfsError
from pfsfuse.worker import logfile, note
from pfsfuse.worker.api import Ended, Outcome, Task, datum_pin
from pfsfuse.worker.links import Shown, settle_links
from pfsfuse.worker.runner import Runner, Stopper
from pfsfuse.worker.sandbox import TMP, Room
from store import CommitId, Entry, Store, StoreError

ROOM_LEFT = 1 << 20
"""Bytes: with less than this, a disk counts as full."""


async def compute(task: Task, runner: Runner, store: Store, stopper: Stopper) -> Outcome:
    """Up to `task.tries` attempts, each in a clean room, until one succeeds or recovers."""
    log = Path(task.launch.log)
    seconds, outcome = 0.0, None
    tries = max(1, task.tries)
    try:
        shown = _shown(store, task)
    except (StoreError, OSError) as error:
        return _failed(task, None, str(error))
    read_bytes = _size(shown)
    for attempt in range(1, tries + 1):
        try:
            outcome = await _attempt(task, runner, store, stopper, shown)
        except (StoreError, OSError) as error:
            outcome = _failed(task, None, str(error))
        seconds += outcome.seconds
        outcome = replace(outcome, attempts=attempt, seconds=seconds, read_bytes=read_bytes)
        if outcome.state != "failed" or stopper.asked():
            break
        logfile.write_line(log, f"attempt {attempt} of {tries}: {outcome.reason.partition(chr(10))[0]}")
    assert outcome is not None  # at least one attempt is made
    return outcome


async def _attempt(
    task: Task, runner: Runner, store: Store, stopper: Stopper, shown: dict[str, Shown]
) -> Outcome:
    """One attempt. Raises StoreError or OSError when its room or view cannot be made."""
    Path(task.launch.log).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    async with runner.open_room(task.launch) as room:
        ended = await runner.run(task.launch, room, stopper)
        if ended.reason or (ended.exit_code != 0 and ended.exit_code not in task.accept):
            failed = _failed(task, ended, ended.reason or describe_exit(ended.exit_code))
            return await _recover(task, failed, runner, room, stopper)
        try:
            return await trio.to_thread.run_sync(_keep, store, task, room, ended, shown)
        except (StoreError, PfsError, OSError) as error:
            failed = _failed(task, ended, f"/pfs/out cannot be kept: {error}")
            return await _recover(task, failed, runner, room, stopper)


async def _recover(task: Task, failed: Outcome, runner: Runner, room: Room, stopper: Stopper) -> Outcome:
    """What becomes of an attempt that failed, once `err_cmd` has been run."""
    if not task.err_cmd or stopper.asked():
        return failed
    logfile.write_line(Path(task.launch.log), f"{failed.reason.partition(chr(10))[0]}; running err_cmd")
    launch = replace(task.launch, cmd=task.err_cmd, stdin=task.err_stdin, batch="")
    ended = await runner.run(launch, room, stopper)
    seconds = failed.seconds + ended.seconds
    if ended.exit_code == 0 and not ended.reason:
        return replace(failed, state="recovered", seconds=seconds)
    said = ended.reason or describe_exit(ended.exit_code)
    first, newline, rest = failed.reason.partition("\n")
    return replace(failed, reason=f"{first}; err_cmd: {said}{newline}{rest}", seconds=seconds)


def _keep(store: Store, task: Task, room: Room, ended: Ended, shown: dict[str, Shown]) -> Outcome:
    """Steps 2 and 3. In a thread: it hashes, compresses and syncs."""
    read_bytes = _size(shown)

    def said(tree: Entry) -> bytes:
        return note.encode(
            note.Note(
                pipeline=task.pipeline,
                job=task.job,
                seconds=round(ended.seconds, 6),
                exit_code=ended.exit_code,
                files=tree.files,
                size=tree.size,
                read_bytes=read_bytes,
                finished_ns=time.time_ns(),
            )
        )

    with store.edit_tree() as edit:
        if os.listdir(room.out):
            edit.put_directory(room.out, passing=True)
            settle_links(edit, room.out, shown, (TMP, room.home))
        tree = edit.save_pinned(datum_pin(task.datum), said)
    return Outcome(
        datum=task.datum,
        state="success",
        exit_code=ended.exit_code,
        seconds=ended.seconds,
        files=tree.files,
        size=tree.size,
    )


def _shown(store: Store, task: Task) -> dict[str, Shown]:
    return {
        each.name: Shown(
            store.commit(each.repo, CommitId.parse(each.commit)),
            tuple(os.fsencode(path.strip("/")) for path in each.paths),
        )
        for each in task.launch.inputs
    }


def _size(shown: dict[str, Shown]) -> int:
    """The bytes of the files that a command sees."""
    entries = (each.commit.find(path) for each in shown.values() for path in each.paths)
    return sum(entry.size for entry in entries if entry is not None)


def _failed(task: Task, ended: Ended | None, why: str) -> Outcome:
    where = ", ".join(f"{each.name}:{path}" for each in task.launch.inputs for path in each.paths)
    full = "; the disk that the store is on is full" if _is_full(Path(task.launch.log)) else ""
    lines = (f"datum {task.datum[:8]} ({where}): {why}{full}", *logfile.tail(Path(task.launch.log)))
    return Outcome(
        datum=task.datum,
        state="failed",
        exit_code=ended.exit_code if ended else None,
        reason="\n".join(lines),
        seconds=ended.seconds if ended else 0.0,
    )


def _is_full(log: Path) -> bool:
    """Whether the disk takes next to nothing: not even what the command said about it, perhaps."""
    try:
        disk = os.statvfs(log.parent)
    except OSError:
        return False
    return disk.f_bavail * disk.f_frsize < ROOM_LEFT


def describe_exit(code: int | None) -> str:
    """An exit code in words; shells give 126, 127 and everything above 128 a meaning."""
    if code == 126:
        return "exit code 126 (not executable, or the working directory is missing)"
    if code == 127:
        return "exit code 127 (command not found)"
    if code is not None and code > 128:
        try:
            name = signal.Signals(code - 128).name
            why = ": by itself, or for want of memory" if code == 128 + signal.SIGKILL else ""
            return f"exit code {code} (killed by {name}{why})"
        except ValueError:
            pass
    return f"exit code {code}"
