"""What a service saved in `/pfs/out`: on the host's disk while it runs, in a commit afterwards.

    <store>/scratch/service-<name>/out     /pfs/out of the service: an ordinary directory at the disk's speed
    <store>/scratch/service-<name>/home    its HOME: settings and checkpoints; kept for the next time, never committed

`out` is made when the service starts, with what its repo's head holds: what was saved the day before is there
again. It outlives crashes of the service and of the daemon, and is removed once it has been committed.

    a crash after                    leaves                      the next start
    1. out.new being filled          a partial out.new           fills it again
    2. out.new renamed to out        out                         uses it, and whatever was saved in it
    3. out committed                 out, and a commit of it     uses it; committing it again changes nothing
    4. out removed                   the commit                  fills out from it
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path

import store as storage
from pfsfuse.service.record import Order
from pfsfuse.worker.removal import remove_tree
from store import Commit, CommitId, Edit, Provenance, Store, names

BRANCH = "master"

IGNORED = (".ipynb_checkpoints", ".~*")
"""Names left out of commits with all that is below them. Jupyter keeps checkpoints in the former where it is not told
otherwise; `.~name` is the copy it makes of `name` while it saves."""


def scratch(store_path: Path, name: str) -> Path:
    return store_path / "scratch" / f"service-{name}"


def log_path(store_path: Path, name: str) -> Path:
    return store_path / "logs" / "services" / f"{name}.log"


def prepare(store: Store, name: str) -> Path:
    """The service's scratch directory with `out` and `home`, made where they are missing, kept as they are else."""
    top = scratch(store.path, name)
    (top / "home").mkdir(mode=0o700, parents=True, exist_ok=True)
    top.chmod(0o700)
    out, filled = top / "out", top / "out.new"
    if not out.exists():
        remove_tree(filled)
        head = store.repo(name).head(BRANCH)
        if head is None:
            filled.mkdir()
        else:
            storage.export(head.trees, head.tree, filled)
        filled.rename(out)
    return top


def commit(store: Store, name: str, order: Order, *, message: str) -> Commit | None:
    """Make what is in `out` the head of the service's repo; the head as it is when nothing differs.

    None when there is no head either: nothing was saved, ever. To be called when no process of the service is alive:
    Jupyter saves by emptying a file and writing it again, and a commit in between would hold the empty one.
    Safe to repeat. Sockets, fifos and devices are left out.
    """
    repo, out = store.repo(name), scratch(store.path, name) / "out"
    head = repo.head(BRANCH)
    if not out.is_dir() or (head is None and not any(_walk(os.fsencode(out)))):
        return head
    provenance = tuple(
        Provenance(each.repo, each.branch, CommitId.parse(each.commit)) for each in order.inputs
    )
    with repo.edit(BRANCH, message=message, origin="service", provenance=provenance) as edit:
        saved = dict(_walk(os.fsencode(out)))
        if head is not None:
            _remove_others(edit, head, saved)
        for path, entry in saved.items():
            _put(edit, path, entry)
    return edit.result or head


def discard(store_path: Path, name: str) -> None:
    """Remove `out`, which has been committed."""
    top = scratch(store_path, name)
    if (top / "out").exists():
        # In one step: what is half removed must not be taken for what somebody saved.
        remove_tree(top / "out.old")
        (top / "out").rename(top / "out.old")
    remove_tree(top / "out.old")


def _put(edit: Edit, path: bytes, entry: os.DirEntry[bytes]) -> None:
    if entry.is_dir(follow_symlinks=False):
        state = entry.stat(follow_symlinks=False)
        edit.mkdir(path, mode=state.st_mode & 0o7777, mtime_ns=state.st_mtime_ns)
    else:
        edit.put(Path(os.fsdecode(entry.path)), path)


def _remove_others(edit: Edit, head: Commit, saved: Mapping[bytes, os.DirEntry[bytes]]) -> None:
    """Remove what the head has and the service no longer has, or has as another kind of thing."""
    gone = b""
    for path, entry in head.walk():
        if gone and path.startswith(gone):
            continue  # it went with its directory
        now = saved.get(path)
        if now is None or now.is_dir(follow_symlinks=False) != entry.is_dir:
            edit.remove(path)
            gone = path + b"/"


def _walk(top: bytes, prefix: bytes = b"") -> Iterator[tuple[bytes, os.DirEntry[bytes]]]:
    """Everything below `top` that a commit can hold, with its path there; depth first, in name order.

    Raises BadName for what is too deep for a commit, before it is too deep for us.
    """
    for entry in sorted(os.scandir(top), key=lambda entry: entry.name):
        if any(fnmatchcase(entry.name, pattern.encode()) for pattern in IGNORED):
            continue
        path = names.path(prefix + entry.name)
        if entry.is_dir(follow_symlinks=False):
            yield path, entry
            yield from _walk(entry.path, path + b"/")
        elif entry.is_symlink() or entry.is_file(follow_symlinks=False):
            yield path, entry
