"""`pfs diff -p`: the lines that differ, as `patch` reads them."""

from __future__ import annotations

import difflib
import re
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from pfsfuse.cli.shared.text import safe

if TYPE_CHECKING:
    from store import Change, Entry, Store

MOST = 1 << 20
"""Bytes of a file whose lines are compared."""
MOST_LINES = 5_000
"""Lines between the first and the last that differ: comparing takes up to the square of their number. Every second
line changed: 4 s at 5,000, over a minute at 20,000.
"""
CONTEXT = 3
"""Equal lines shown around those that differ."""
HUNK = re.compile(r"@@ -(\d+)(,\d+)? \+(\d+)(,\d+)? @@")
UNENDED = "\n\\ No newline at end of file\n"


def print_patches(store: Store, changes: Iterator[Change]) -> None:
    """Write each change. Lines are written byte for byte, but to a terminal with what could move its cursor escaped."""
    output, terminal = sys.stdout.buffer, sys.stdout.isatty()
    for change in changes:
        for line in patch(store, change):
            shown = safe(line[:-1]).replace("\\t", "\t") + "\n" if terminal else line
            output.write(shown.encode("utf-8", "surrogateescape"))


def patch(store: Store, change: Change) -> Iterator[str]:
    """The lines of one change, each with its end."""
    old, new, name = change.old, change.new, safe(change.path)
    yield f"diff a/{name} b/{name}\n"
    yield from modes(old, new)
    if contents(old) == contents(new):
        return
    texts = [text(store, entry) for entry in (old, new)]
    if None in texts:
        yield f"Files a/{name} and b/{name} differ: {why(old, new)}\n"
        return
    skipped, before, after = trimmed(*(lines(each or "") for each in texts))
    if max(len(before), len(after)) > MOST_LINES:
        yield f"Files a/{name} and b/{name} differ: more than {MOST_LINES:,} lines\n"
        return
    sides = (f"a/{name}" if old is not None else "/dev/null", f"b/{name}" if new is not None else "/dev/null")
    for line in difflib.unified_diff(before, after, *sides, n=CONTEXT):
        if (hunk := HUNK.match(line)) is not None:
            old_start, old_count, new_start, new_count = hunk.groups(default="")
            yield f"@@ -{int(old_start) + skipped}{old_count} +{int(new_start) + skipped}{new_count} @@\n"
            continue
        yield line if line.endswith("\n") else line + UNENDED


def modes(old: Entry | None, new: Entry | None) -> Iterator[str]:
    if old is None and new is not None:
        yield f"new {noun(new)} mode {new.mode:06o}\n"
    elif new is None and old is not None:
        yield f"deleted {noun(old)} mode {old.mode:06o}\n"
    elif old is not None and new is not None and old.mode != new.mode:
        yield f"old mode {old.mode:06o}\n"
        yield f"new mode {new.mode:06o}\n"


def noun(entry: Entry) -> str:
    return "directory" if entry.is_dir else "file"


def contents(entry: Entry | None) -> tuple[bytes | None, bytes | None] | None:
    """What there is to compare; None for nothing, and for a directory, whose contents are changes of their own."""
    return None if entry is None or entry.is_dir or not entry.size else (entry.content, entry.target)


def text(store: Store, entry: Entry | None) -> str | None:
    """An entry as text, bytes that are not UTF-8 as lone surrogates; None when it is binary or too large to show."""
    if entry is None or entry.is_dir:
        return ""
    if entry.is_symlink:
        data = entry.target or b""
    elif entry.size > MOST:
        return None
    else:
        data = store.fetch(store.extents(entry, 0, entry.size))
    return None if b"\0" in data else data.decode("utf-8", "surrogateescape")


def why(old: Entry | None, new: Entry | None) -> str:
    """Why the lines of two files are not shown."""
    large = any(entry is not None and entry.size > MOST for entry in (old, new))
    return f"more than {MOST:,} bytes" if large else "binary"


def lines(whole: str) -> list[str]:
    """Lines with their ends; a carriage return ends none."""
    *ended, last = whole.split("\n")
    return [f"{line}\n" for line in ended] + ([last] if last else [])


def trimmed(old: Sequence[str], new: Sequence[str]) -> tuple[int, Sequence[str], Sequence[str]]:
    """Both without the equal lines at their ends, but for the context; and how many are left out at the beginning."""
    least = min(len(old), len(new))
    start = next((at for at in range(least) if old[at] != new[at]), least)
    end = next((at for at in range(least - start) if old[-1 - at] != new[-1 - at]), least - start)
    start, end = max(0, start - CONTEXT), max(0, end - CONTEXT)
    return start, old[start : len(old) - end], new[start : len(new) - end]
