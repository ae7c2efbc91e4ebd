"""What an edit collects: an overlay, a tree of its own that holds nothing but the changed names.

    Overlay(root)                         on top of    root
      ├── "a.csv"  -> an entry                          ├── a.csv      replaced
      ├── "old"    -> None                              ├── old        removed
      └── "2016"   -> Overlay                           ├── 2016       kept, with july changed
            └── "july" -> an entry                      └── ...        kept

It does not refer to what it will be laid over, so a lost race for a branch is settled by laying it over the new head.
`lay` writes the directories that this changes, from the leaves up.

A whole directory that was loaded (`store/ingest`) is one more layer between the two: it replaces what it names, all the
way down, and leaves alone what it does not. Equal parts of it and of the base are never looked into (`laying.py`).
"""

from __future__ import annotations

import stat
from collections.abc import Callable
from types import EllipsisType

import msgspec
from msgspec.structs import replace

from store import tree
from store.edit.laying import lay_over
from store.errors import IsADirectory, NotADirectory
from store.format import node
from store.format.node import Node
from store.ids import ObjectId
from store.records import Entry
from store.tree import Load, Save
from store.trees import Trees


class Overlay(msgspec.Struct):
    """What shall be different in one directory."""

    fresh: bool = False
    """Replace what the base has here, instead of changing it."""
    laid: Entry | None = None
    """A directory that is laid over the base first; what `names` says goes on top of that."""
    mode: int | None = None
    """Set the permission bits; None: as in the base, 0755 in a new directory."""
    mtime_ns: int | None = None
    """Set the mtime; None: as in the base, unless a name comes or goes."""
    xattrs: dict[bytes, bytes] | EllipsisType | None = ...
    """Set the extended attributes; ...: as in the base."""
    names: dict[bytes, Entry | Overlay | None] = msgspec.field(default_factory=dict)
    """What each name shall be; None: absent."""


class Overlaid:
    """A base directory (None: an empty one) under an overlay."""

    def __init__(self, trees: Trees, base: Entry | None, now_ns: int) -> None:
        self._trees, self._now_ns = trees, now_ns
        self.base = base
        """May be replaced by another at any time."""
        self.overlay = Overlay()

    @property
    def untouched(self) -> bool:
        """Whether there is nothing below and nothing on top."""
        return self.base is None and self.overlay == Overlay()

    def find(self, path: bytes) -> Entry | None:
        """The entry at `path` as it would be saved, or None. A changed directory answers with what is below
        unsummed.
        """
        at: Entry | Overlay | None = self.overlay
        layers = self._layers(self.overlay, self.base)
        for name in path.split(b"/") if path else ():
            below = self._below(layers, name)
            at = at.names.get(name, _first(below)) if isinstance(at, Overlay) else _first(below)
            if isinstance(at, Overlay):
                layers = self._layers(at, *below)
            else:
                layers = below if at is _first(below) else _only(at)
        if isinstance(at, Overlay):
            plain = bool(layers) and layers[-1].is_dir and not at.fresh
            kept = layers[-1] if plain else None
            return kept or Entry(b"", stat.S_IFDIR | (at.mode or 0o755), self._now_ns, 0, files=0)
        return at

    def directory(self, path: bytes) -> Overlay:
        """The overlay of the directory at `path`, made where there is none. Raises NotADirectory."""
        return self.within(path).overlay

    def within(self, path: bytes) -> Within:
        """The directory at `path`, made where there is none, to be changed. Raises NotADirectory."""
        overlay, walked = self.overlay, b""
        layers = self._layers(overlay, self.base)
        for name in path.split(b"/") if path else ():
            walked = walked + b"/" + name if walked else name
            below = self._below(layers, name)
            there = overlay.names.get(name, _first(below))
            if not isinstance(there, Overlay):
                if there is not None and not there.is_dir:
                    raise NotADirectory(walked)
                there = overlay.names[name] = self._opened(there, grafted=name in overlay.names)
            overlay, layers = there, self._layers(there, *below)
        return Within(overlay, layers, self._lookup, path)

    def put_over(self, path: bytes, loaded: Entry) -> None:
        """Lay the directory `loaded`, which can be read, over what is at `path`. Raises NotADirectory, IsADirectory."""
        overlay = self.directory(path)
        overlay.mode, overlay.mtime_ns = stat.S_IMODE(loaded.mode), loaded.mtime_ns
        if overlay.laid is None and not overlay.names:
            overlay.laid = loaded
            return
        # Changes came before it: name by name on top of them.
        for entry in self._trees.iter_directory(loaded):
            below = path + b"/" + entry.name if path else entry.name
            if entry.is_dir:
                self.put_over(below, entry)
                continue
            there = self.find(below)
            if there is not None and there.is_dir:
                raise IsADirectory(below)
            overlay.names[entry.name] = entry

    def lay(self, save: Save) -> Entry:
        """Write the directories that differ from the base with `save`, from the leaves up; the new root."""
        fresh: dict[ObjectId, bytes] = {}

        def save_fresh(plain: bytes) -> ObjectId:
            name = save(plain)
            fresh[name] = plain
            return name

        def load(name: ObjectId) -> Node:
            """What was saved a moment ago need not be readable yet, and may be what names are put on top of."""
            return node.decode(fresh[name]) if name in fresh else self._trees.load_node(name)

        return _Laying(load, save_fresh, self._now_ns).lay(self.overlay, self.base, b"", b"")

    def _opened(self, there: Entry | None, *, grafted: bool) -> Overlay:
        """An overlay for a directory that had none; unfolded from `there` when that was grafted in this edit."""
        made = Overlay(fresh=grafted)
        if grafted and there is not None:
            made.mode, made.mtime_ns, made.xattrs = stat.S_IMODE(there.mode), there.mtime_ns, there.xattrs
            made.names.update({below.name: below for below in self._trees.iter_directory(there)})
        return made

    def _layers(self, overlay: Overlay, *bases: Entry | None) -> list[Entry]:
        """The directories that show through `overlay`, the uppermost first; `bases` lie below it."""
        below = [] if overlay.fresh else [base for base in bases if base is not None and base.is_dir]
        return below if overlay.laid is None else [overlay.laid, *below]

    def _below(self, layers: list[Entry], name: bytes) -> list[Entry]:
        """What `name` is in the `layers`: one entry, or all directories of that name down to the first that is none."""
        found: list[Entry] = []
        for layer in layers:
            entry = self._lookup(layer, name)
            if entry is not None:
                found.append(entry)
                if not entry.is_dir:
                    break
        return found

    def _lookup(self, directory: Entry | None, name: bytes) -> Entry | None:
        return self._trees.lookup(directory, name) if directory is not None and directory.is_dir else None


class Within(msgspec.Struct, frozen=True):
    """One directory of what an edit holds, in which many names are put: it is looked for once."""

    overlay: Overlay
    layers: list[Entry]
    """The directories that show through it, the uppermost first."""
    lookup: Callable[[Entry, bytes], Entry | None]
    path: bytes

    def put(self, name: bytes, entry: Entry) -> None:
        """Make `name` this entry, a file or a symlink. Raises IsADirectory when it is one."""
        names = self.overlay.names
        there = names[name] if name in names else self._shown(name)
        if isinstance(there, Overlay) or (there is not None and there.is_dir):
            raise IsADirectory(self.path + b"/" + name if self.path else name)
        names[name] = entry

    def _shown(self, name: bytes) -> Entry | None:
        return next((found for each in self.layers if (found := self.lookup(each, name))), None)


def _first(layers: list[Entry]) -> Entry | None:
    return layers[0] if layers else None


def _only(entry: Entry | None) -> list[Entry]:
    return [] if entry is None else [entry]


class _Laying(msgspec.Struct, frozen=True):
    """One laying of an overlay over a base."""

    load: Load
    save: Save
    now_ns: int

    def lay(self, overlay: Overlay, base: Entry | None, name: bytes, path: bytes) -> Entry:
        """The directory `base` with `overlay` over it, called `name`; its path is `path`."""
        old = None if overlay.fresh or base is None or not base.is_dir else base
        moved = old is None
        if overlay.laid is not None:
            moved = moved or old is None or old.content != overlay.laid.content
            old = lay_over(self.load, self.save, overlay.laid, old, path)
        changes: dict[bytes, Entry | None] = {}
        for below, value in overlay.names.items():
            there = tree.lookup(self.load, _content(old), below)
            if isinstance(value, Overlay):
                new: Entry | None = self.lay(value, there, below, path + b"/" + below if path else below)
            else:
                new = value
            if new == there or (new is not None and there is not None and there.same_as(new)):
                continue
            changes[below] = new
            moved = moved or new is None or there is None
        mode = overlay.mode if overlay.mode is not None else stat.S_IMODE(old.mode) if old else 0o755
        kept = old.mtime_ns if old is not None and not moved else self.now_ns
        mtime_ns = kept if overlay.mtime_ns is None else overlay.mtime_ns
        if overlay.laid is not None and old is not None and not changes:
            # As it was laid, which need not be readable yet.
            return replace(
                old,
                name=name,
                mode=stat.S_IFDIR | mode,
                mtime_ns=mtime_ns,
                xattrs=_attributes(overlay, old),
            )
        root = tree.edit(_content(old), old.height if old else 0, changes, self.load, self.save)
        return Entry(
            name=name,
            mode=stat.S_IFDIR | mode,
            mtime_ns=mtime_ns,
            size=root.size,
            content=root.id,
            height=root.height,
            files=root.files,
            digest=root.digest,
            xattrs=_attributes(overlay, old),
        )


def _attributes(overlay: Overlay, old: Entry | None) -> dict[bytes, bytes] | None:
    if isinstance(overlay.xattrs, EllipsisType):
        return old.xattrs if old is not None else None
    return overlay.xattrs


def _content(directory: Entry | None) -> ObjectId | None:
    return None if directory is None or directory.content is None else ObjectId(directory.content)
