"""When the store has all that was written: letting go of it, and what becomes of files that somebody has open."""

from __future__ import annotations

from contextlib import suppress
from functools import partial

from pfsfuse.worktree.files import Files
from pfsfuse.worktree.journal import Record, Take, Write
from pfsfuse.worktree.keeping import Keeping
from pfsfuse.worktree.model import File, Folder, Model, is_written, path_of
from store import CommitId, Entry


def settle(names: Keeping, files: Files, tree: Entry | None, commit: CommitId | None) -> None:
    """Let go of everything, which is in `tree` now, that the branch shows as `commit`, or as a draft on it.

    Files that somebody has open go on as the same items, over what `tree` has in their place; without a name, if it has
    none. The journal becomes one of those alone, at once or not at all; after a crash in between it gives the same
    files over again. Raises OSError; then nothing was let go of.
    """
    held: list[File] = []
    gone: list[int] = []
    for item in names.model.items.values():
        if isinstance(item, File):
            if files.is_held(item.number):
                held.append(item)
            elif is_written(item):
                gone.append(item.number)
    names.start_over(tree, commit, partial(_keep, files, held) if held else None)
    for file in held:
        _go_on(names.model, files, file)
    names.let_go()
    files.let_go(gone)


def _keep(files: Files, held: list[File], model: Model) -> list[Record]:
    return [record for file in held for record in _kept(model, files, file)]


def _kept(model: Model, files: Files, file: File) -> list[Record]:
    """Have `model` know an open file where it was in the old one, if it is there; the records that do. Raises OSError,
    when it cannot be tried what holes are worth."""
    if file.folder is None:
        return []
    records: list[Record] = []
    folder = model.root
    *above, name = path_of(file).split(b"/")
    for part in above:
        found = model.find(folder, part)
        if isinstance(found, Entry) and found.is_dir:
            records.append(Take(model.next_number(), folder.number, found))
            model.apply(records[-1])
            found = folder.names[part]
        if not isinstance(found, Folder):
            return records  # somebody else has removed it since
        folder = found
    entry = model.find(folder, name)
    if not isinstance(entry, Entry) or entry.is_dir or entry.is_symlink:
        return records
    own: list[Record] = [Take(file.number, folder.number, entry)]
    own += [] if file.shown is None else [Write(file.number, entry.size if files.show_through else 0)]
    for record in own:
        model.apply(record)
    return records + own


def _go_on(model: Model, files: Files, file: File) -> None:
    """Have an open file be itself in `model`, as its twin there says."""
    twin = model.items.get(file.number)
    if not isinstance(twin, File):
        file.folder = None
        model.items[file.number] = file
        return
    assert twin.folder is not None, "it was taken just now"
    file.entry, file.shown = twin.entry, twin.shown
    model.put(twin.folder, file)
    if file.shown:
        with suppress(OSError):  # no room: it keeps its own bytes, which are the same
            files.open(file).rest_on(file.entry)
