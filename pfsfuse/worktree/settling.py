"""What becomes of files that somebody has open when the store has all that was written."""

from __future__ import annotations

from contextlib import suppress

from pfsfuse.worktree.files import Files
from pfsfuse.worktree.journal import Record, Take, Write
from pfsfuse.worktree.model import File, Folder, Model, path_of
from store import Entry


def kept(model: Model, files: Files, file: File) -> list[Record]:
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


def go_on(model: Model, files: Files, file: File) -> None:
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
