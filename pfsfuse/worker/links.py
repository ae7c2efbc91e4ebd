"""Symlinks that a command left in /pfs/out, made to mean the same wherever the output is read.

    leads to                          becomes
    a path of an input                what is there, by reference: no bytes are copied
    /pfs/out/…                        the same link, relative
    /tmp, HOME                        refused: that is gone when the datum has ended
    anywhere else, or nowhere         the link as it was made

Relative links are read as they are written, from where they stand. Parents of a path are not followed through links.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pfsfuse.errors import JobError
from store import Commit, Entry, TreeEdit

OUT = b"/pfs/out"
HOPS = 40
"""Links that lead to one another before it counts as going in circles, as in Linux."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What a command saw of one input."""

    commit: Commit
    paths: tuple[bytes, ...]
    """Without a leading slash; b"" is the whole commit."""

    def parts(self, path: bytes) -> list[tuple[bytes, Entry]]:
        """What was to be seen at `path`, through the repo's own links: the file or directory itself (below b""), or
        what of the directory was; [] when nothing was."""
        for _ in range(HOPS):
            if not any(not each or path == each or path.startswith(each + b"/") for each in self.paths):
                return [
                    (each.removeprefix(path).lstrip(b"/"), entry)
                    for each in self.paths
                    if not path or each.startswith(path + b"/")
                    if (entry := self.commit.find(each)) is not None
                ]
            entry = self.commit.find(path)
            if entry is None or not entry.is_symlink:
                return [] if entry is None else [(b"", entry)]
            path = os.path.normpath(os.path.join(b"/", os.path.dirname(path), entry.target or b"")).lstrip(
                b"/"
            )
        return []


def settle_links(edit: TreeEdit, out: Path, inputs: Mapping[str, Shown], vanishing: tuple[Path, ...]) -> None:
    """Make the links of `edit`, which holds what is in `out`, what the table at the top says.

    `vanishing` are directories that the command saw and that do not outlive it. Raises JobError for a link there.
    """
    for path, target in _links(os.fsencode(out)):
        leads_to = os.path.normpath(os.path.join(OUT, os.path.dirname(path), target))
        if leads_to == OUT or leads_to.startswith(OUT + b"/"):
            if target.startswith(b"/"):
                edit.symlink(path, os.path.relpath(leads_to, os.path.join(OUT, os.path.dirname(path))))
        elif leads_to.startswith(b"/pfs/"):
            name, _, below = leads_to.removeprefix(b"/pfs/").partition(b"/")
            shown = inputs.get(os.fsdecode(name))
            if shown is not None and (parts := shown.parts(below)):
                edit.remove(path)
                for each, entry in parts:
                    edit.graft(path + b"/" + each if each else path, entry)
        elif any(leads_to.startswith(os.fsencode(each) + b"/") for each in vanishing):
            raise JobError(
                f"/pfs/out/{os.fsdecode(path)} is a link to {os.fsdecode(leads_to)}, which does not outlive the"
                " datum; copy or move it to /pfs/out"
            )


def _links(top: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The symlinks below a directory: path and target. Nothing is followed."""
    todo = [b""]
    while todo:
        here = todo.pop()
        with os.scandir(os.path.join(top, here)) as entries:
            for entry in entries:
                path = os.path.join(here, entry.name)
                if entry.is_symlink():
                    yield path, os.readlink(entry.path)
                elif entry.is_dir(follow_symlinks=False):
                    todo.append(path)
