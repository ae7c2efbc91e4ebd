"""A machine plays with the file system, and a plain dictionary says what must be there after each step."""

from __future__ import annotations

import os
import posixpath
import shutil
import tempfile

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

import store
from pfsfuse.filesystem import PfsFileSystem

NAMES = st.sampled_from(["a", "b", "c"])
PATHS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)
BYTES = st.binary(max_size=20)
Tree = dict[str, bytes | None]
"""Paths to what files hold; None: a directory. The root is not in it."""


def above(path: str) -> list[str]:
    """The directories that `path` lies in, without the root."""
    parts = path.split("/")[:-1]
    return ["/".join(parts[: length + 1]) for length in range(len(parts))]


def below(tree: Tree, path: str) -> list[str]:
    return [each for each in tree if each.startswith(path + "/")]


def blocked(tree: Tree, path: str) -> bool:
    """Whether a file stands where `path` needs a directory."""
    return any(tree.get(each) is not None for each in above(path))


def put(tree: Tree, path: str, data: bytes | None) -> None:
    tree.update(dict.fromkeys(above(path)))
    tree[path] = data


class FileSystemMachine(RuleBasedStateMachine):
    @initialize()
    def make(self) -> None:
        memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        self.directory = tempfile.mkdtemp(dir=memory)
        self.data = store.create(os.path.join(self.directory, "data"))
        self.repo = self.data.create_repo("r")
        self.fs = PfsFileSystem(store=self.data.path, skip_instance_cache=True)
        self.tree: Tree = {}
        self.before: Tree | None = None
        """What there was when the transaction began."""
        self.depth = 0

    def teardown(self) -> None:
        if hasattr(self, "directory"):
            if self.fs._intrans:
                self.fs.transaction.__exit__(KeyError, KeyError(), None)
            self.data.close()
            shutil.rmtree(self.directory)

    def do(
        self, call: object, *arguments: object, error: type[OSError] | None = None, **options: object
    ) -> None:
        """Call a method, which must raise `error`, if any, and else make at most one commit."""
        assert callable(call)
        if error is not None:
            with pytest.raises(error):
                call(*arguments, **options)
        else:
            call(*arguments, **options)
        depth = self.repo.head().depth if self.repo.head() else 0
        most = 0 if error is not None or self.before is not None else 1
        assert self.depth <= depth <= self.depth + most
        self.depth = depth

    @rule(path=PATHS, data=BYTES, mode=st.sampled_from(["w", "a", "x", "pipe"]))
    def write(self, path: str, data: bytes, mode: str) -> None:
        def call() -> None:
            if mode == "pipe":
                self.fs.pipe_file(f"r/{path}", data)
                return
            with self.fs.open(f"r/{path}", f"{mode}b") as file:
                file.write(data)

        there = self.tree.get(path, b"none")
        if blocked(self.tree, path):
            self.do(call, error=NotADirectoryError)
        elif there is None:
            self.do(call, error=IsADirectoryError)
        elif mode == "x" and path in self.tree:
            self.do(call, error=FileExistsError)
        else:
            self.do(call)
            put(self.tree, path, (self.tree.get(path) or b"") + data if mode == "a" else data)

    @rule(path=PATHS, recursive=st.booleans())
    def remove(self, path: str, recursive: bool) -> None:
        error: type[OSError] | None = None
        if blocked(self.tree, path):
            error = NotADirectoryError
        elif path not in self.tree:
            error = FileNotFoundError
        elif self.tree[path] is None and not recursive:
            error = IsADirectoryError
        self.do(self.fs.rm, f"r/{path}", recursive=recursive, error=error)
        if error is None:
            for each in [path, *below(self.tree, path)]:
                del self.tree[each]

    @rule(path=PATHS)
    def make_directory(self, path: str) -> None:
        error = (
            NotADirectoryError if blocked(self.tree, path) else FileExistsError if path in self.tree else None
        )
        self.do(self.fs.mkdir, f"r/{path}", error=error)
        if error is None:
            put(self.tree, path, None)

    @rule(path=PATHS)
    def remove_directory(self, path: str) -> None:
        error: type[OSError] | None = None
        if blocked(self.tree, path) or self.tree.get(path) is not None:
            error = NotADirectoryError
        elif path not in self.tree:
            error = FileNotFoundError
        elif below(self.tree, path):
            error = OSError
        self.do(self.fs.rmdir, f"r/{path}", error=error)
        if error is None:
            del self.tree[path]

    @rule(source=PATHS, to=PATHS, moves=st.booleans())
    def copy_or_move(self, source: str, to: str, moves: bool) -> None:
        call = self.fs.mv if moves else self.fs.copy
        target = posixpath.join(to, posixpath.basename(source)) if self.tree.get(to, b"") is None else to
        error: type[OSError] | None = None
        after = dict(self.tree)
        if blocked(self.tree, source):
            error = OSError
        elif source not in self.tree:
            error = FileNotFoundError
        elif source != target:
            moved = {each: self.tree[each] for each in [source, *below(self.tree, source)]}
            if moves and target.startswith(source + "/"):
                error = OSError
            for each, data in moved.items():
                there = target + each[len(source) :]
                if blocked(after, there) or (there in after and (after[there] is None) != (data is None)):
                    error = OSError
                put(after, there, data)
            for each in moved if moves else ():
                del after[each]
        self.do(call, f"r/{source}", f"r/{to}", recursive=True, error=error)
        if error is None:
            self.tree = after

    @precondition(lambda self: self.before is None)
    @rule()
    def begin(self) -> None:
        self.fs.start_transaction()
        self.before = dict(self.tree)

    @precondition(lambda self: self.before is not None)
    @rule(well=st.booleans())
    def end(self, well: bool) -> None:
        error = None if well else KeyError
        self.fs.transaction.__exit__(error, None, None)
        if not well:
            assert self.before is not None
            self.tree = self.before
        self.before = None
        depth = self.repo.head().depth if self.repo.head() else 0
        assert self.depth <= depth <= self.depth + well
        self.depth = depth

    @invariant()
    def shows_what_there_is(self) -> None:
        if not hasattr(self, "fs"):
            return
        found = self.fs.find("r", withdirs=True, detail=True)
        shown = {path: each["type"] for path, each in found.items() if path != "r"}
        assert shown == {
            f"r/{path}": "directory" if data is None else "file" for path, data in self.tree.items()
        }
        for path, data in self.tree.items():
            if data is not None:
                assert self.fs.cat_file(f"r/{path}") == data
        if self.before is not None:
            head = self.repo.head()
            assert {path.decode() for path, _ in head.walk()} == set(self.before) if head else not self.before


TestFileSystem = FileSystemMachine.TestCase
TestFileSystem.settings = settings(max_examples=30, stateful_step_count=20, deadline=None)
