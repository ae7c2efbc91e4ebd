"""A task: run the launch, keep what it wrote, or say well why not.

1. a clean room; the command runs in it               a crash here leaves scratch, and no pin
2. /pfs/out is written into the store as a tree       a crash here leaves objects that nothing names
3. the tree is pinned as `datum/<id>`                 from here on the datum is never computed again
"""

from __future__ import annotations

import json
import signal
from pathlib import Path

import trio

from pfsfuse.worker import logfile
from pfsfuse.worker.api import Ended, Outcome, Task, datum_pin
from pfsfuse.worker.runner import Runner, Stopper
from store import Entry, Store, StoreError


async def compute(task: Task, runner: Runner, store: Store, stopper: Stopper) -> Outcome:
    """Up to `task.tries` attempts, each in a clean room, until one succeeds."""
    log = Path(task.launch.log)
    outcome = None
    for attempt in range(1, max(1, task.tries) + 1):
        try:
            outcome = await _attempt(task, runner, store, stopper)
        except (StoreError, OSError) as error:
            outcome = _failed(task, None, str(error))
        if outcome.state == "success" or stopper.asked():
            break
        logfile.write_line(log, f"attempt {attempt} of {task.tries}: {outcome.reason.partition(chr(10))[0]}")
    assert outcome is not None  # at least one attempt is made
    return outcome


async def _attempt(task: Task, runner: Runner, store: Store, stopper: Stopper) -> Outcome:
    """One attempt. Raises StoreError or OSError when its room or view cannot be made."""
    Path(task.launch.log).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    async with runner.open_room(task.launch) as room:
        ended = await runner.run(task.launch, room, stopper)
        if ended.reason or (ended.exit_code != 0 and ended.exit_code not in task.accept):
            return _failed(task, ended, ended.reason or describe_exit(ended.exit_code))
        try:
            tree = await trio.to_thread.run_sync(_keep, store, task, room.out, ended)
        except (StoreError, OSError) as error:
            return _failed(task, ended, f"/pfs/out cannot be kept: {error}")
        return Outcome(
            datum=task.datum,
            state="success",
            exit_code=ended.exit_code,
            seconds=ended.seconds,
            files=tree.files,
            size=tree.size,
        )


def _keep(store: Store, task: Task, out: Path, ended: Ended) -> Entry:
    """Steps 2 and 3. In a thread: it hashes, compresses and syncs."""
    with store.edit_tree() as edit:
        edit.put_directory(out)
        tree = edit.save()
    note = {
        "pipeline": task.pipeline,
        "job": task.job,
        "seconds": round(ended.seconds, 6),
        "exit_code": ended.exit_code,
        "files": tree.files,
        "size": tree.size,
    }
    store.pins.put(datum_pin(task.datum), tree, json.dumps(note).encode())
    return tree


def _failed(task: Task, ended: Ended | None, why: str) -> Outcome:
    where = ", ".join(f"{each.name}:{path}" for each in task.launch.inputs for path in each.paths)
    lines = (f"datum {task.datum[:8]} ({where}): {why}", *logfile.tail(Path(task.launch.log)))
    return Outcome(
        datum=task.datum,
        state="failed",
        exit_code=ended.exit_code if ended else None,
        reason="\n".join(lines),
        seconds=ended.seconds if ended else 0.0,
    )


def describe_exit(code: int | None) -> str:
    """An exit code in words; shells give 126, 127 and everything above 128 a meaning."""
    if code == 126:
        return "exit code 126 (not executable, or the working directory is missing)"
    if code == 127:
        return "exit code 127 (command not found)"
    if code is not None and code > 128:
        try:
            return f"exit code {code} (killed by {signal.Signals(code - 128).name})"
        except ValueError:
            pass
    return f"exit code {code}"
