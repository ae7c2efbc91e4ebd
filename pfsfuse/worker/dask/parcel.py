"""What travels: a datum's task with the files that it reads, and back what it wrote, all of it as bytes.

    Parcel    the task, and the files of each input as archives                   scheduler → another host
    Return    the outcome, what was written as an archive, its note, its log      and back

A worker on another host never opens the store: LMDB is memory shared by the processes of one host, and a network file
system cannot stand in for that. So nothing there has to be mounted, shared or kept, and a host that is cut off can do
no harm: what it computes counts when its Return has arrived, and not before.
"""

from __future__ import annotations

import io
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from msgspec.structs import replace

from pfsfuse.errors import JobError
from pfsfuse.worker import protocol
from pfsfuse.worker.api import Outcome, Task, datum_pin
from store import CommitId, Store, put_tar, write_tar

MOST = 1 << 30
"""Bytes that a datum may read, and may write: all of it is in memory, here, on the way, and there."""

Part = tuple[bytes, bytes]
"""A directory below the input's root, and an archive of what lies there."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """A datum on its way to another host."""

    task: bytes
    inputs: tuple[tuple[Part, ...], ...]
    """For each input of the launch."""


@dataclass(frozen=True, slots=True)
class Return:
    """A datum on its way back."""

    outcome: bytes
    written: bytes = b""
    """An archive; nothing unless the outcome is a success."""
    note: bytes = b""
    """Of the pin."""
    log: bytes = b""


def pack(store: Store, task: Task) -> Parcel:
    """The task with everything that it reads. Raises JobError when that is too much, StoreError when it is gone."""
    inputs, total = [], 0
    for each in task.launch.inputs:
        commit = store.commit(each.repo, CommitId.parse(each.commit))
        parts: list[Part] = []
        for path in each.paths:
            at = os.fsencode(path.strip("/"))
            entry = commit.entry(at)
            total += entry.size
            if total > MOST:
                raise JobError(
                    f"{each.name}:{path} is too large to be sent to another host (over {MOST >> 20} MiB in a datum)",
                    hint="cut the input into smaller datums, or run the pipeline on this host, without --executor dask",
                )
            archive = io.BytesIO()
            write_tar(commit.trees, entry, archive)
            parts.append((at if entry.is_dir else at.rpartition(b"/")[0], archive.getvalue()))
        inputs.append(tuple(parts))
    return Parcel(protocol.encode(task), tuple(inputs))


def unpack(store: Store, parcel: Parcel, prefix: str, log: Path) -> Task:
    """The task as it can be run in `store`, where its inputs become repos named `prefix`-0, `prefix`-1, …

    The datum gets an id of its own there: two jobs may have the same one computed at the same time.
    """
    task = protocol.decode_request(parcel.task)
    assert isinstance(task, Task)  # what `pack` has put in
    inputs = []
    for number, (each, parts) in enumerate(zip(task.launch.inputs, parcel.inputs, strict=True)):
        with store.create_repo(f"{prefix}-{number}").edit(allow_empty=True) as edit:
            for directory, archive in parts:
                edit.mkdir(directory)
                put_tar(edit, io.BytesIO(archive), directory)
        assert edit.result is not None  # allow_empty: there is always a commit
        inputs.append(replace(each, repo=f"{prefix}-{number}", commit=str(edit.result.id)))
    own = secrets.token_hex(32)
    launch = replace(task.launch, name=own, inputs=tuple(inputs), log=str(log))
    return replace(task, datum=own, launch=launch)


def pack_return(store: Store, task: Task, outcome: Outcome, datum: str) -> Return:
    """The outcome with what was written, out of the pin in `store`, as that of the datum `datum`."""
    reason = outcome.reason.replace(task.datum[:8], datum[:8])
    outcome = replace(outcome, datum=datum, reason=reason)
    log = Path(task.launch.log)
    printed = log.read_bytes() if log.exists() else b""
    if outcome.state != "success":
        return Return(protocol.encode(outcome), log=printed)
    pin = store.pins.get(datum_pin(task.datum))
    assert pin is not None  # success says so
    if pin.tree.size > MOST:
        reason = (
            f"datum {datum[:8]} wrote {pin.tree.size >> 20} MiB on another host, of which at most {MOST >> 20} MiB"
            " can be sent back (cut the input into smaller datums, or run the pipeline on this host, without"
            " --executor dask)"
        )
        return Return(protocol.encode(replace(outcome, state="failed", reason=reason)), log=printed)
    archive = io.BytesIO()
    given = task.launch.inputs[0]
    write_tar(store.commit(given.repo, CommitId.parse(given.commit)).trees, pin.tree, archive)
    return Return(protocol.encode(outcome), archive.getvalue(), pin.note, printed)


def take_return(store: Store, task: Task, given: Return) -> Outcome:
    """The outcome, once what was written is pinned in the store and what was printed is in the datum's log."""
    outcome = protocol.decode_report(given.outcome)
    assert isinstance(outcome, Outcome)  # what `pack_return` has put in
    log = Path(task.launch.log)
    log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with open(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "wb") as file:
        file.write(given.log)
    if outcome.state == "success":
        with store.edit_tree() as edit:
            put_tar(edit, io.BytesIO(given.written))
            edit.save_pinned(datum_pin(task.datum), lambda _: given.note)
    return outcome
