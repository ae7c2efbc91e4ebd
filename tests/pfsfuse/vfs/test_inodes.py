"""The inode table against a plain model, with numbers so narrow that keys collide all the time."""

from __future__ import annotations

import errno
import stat

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from pfsfuse.vfs.inodes import ROOT, Inodes
from pfsfuse.vfs.keys import root_key
from pfsfuse.vfs.nodes import Known, Leaf, Node
from store import Entry

NAMES = st.integers(0, 11).map(lambda number: b"name %d" % number)


class InodeTable(RuleBasedStateMachine):
    """The kernel looks names up and forgets them; the model is a dict of key to (number, count)."""

    def __init__(self) -> None:
        super().__init__()
        self.root = Known(root_key(b"root"), None, b"")
        self.table = Inodes(self.root, bits=4)
        self.model: dict[bytes, tuple[int, int]] = {}

    @rule(name=NAMES)
    def look_up(self, name: bytes) -> None:
        candidate = Node(root_key(name), self.root)
        node = self.table.number(candidate)
        ino, count = self.model.get(node.key, (node.ino, 0))
        assert node.ino == ino, "a key that is known keeps its number"
        self.table.count(node, self.root, name)
        self.model[node.key] = (ino, count + 1)

    @rule(name=NAMES)
    def number_without_taking(self, name: bytes) -> None:
        node = self.table.number(Node(root_key(name), self.root))
        assert node.ino > ROOT

    @precondition(lambda self: self.model)
    @rule(data=st.data())
    def forget(self, data: st.DataObject) -> None:
        key = data.draw(st.sampled_from(sorted(self.model)))
        ino, count = self.model[key]
        taken = data.draw(st.integers(1, count))
        self.table.forget(ino, taken)
        if taken == count:
            del self.model[key]
        else:
            self.model[key] = (ino, count - taken)

    @invariant()
    def the_table_holds_what_the_kernel_knows_and_nothing_else(self) -> None:
        assert len(self.table) == len(self.model) + 1
        assert {key: (self.table.get(ino).key, ino) for key, (ino, _) in self.model.items()} == {
            key: (key, ino) for key, (ino, _) in self.model.items()
        }

    @invariant()
    def a_directory_remembers_exactly_the_names_that_are_known(self) -> None:
        assert {node.key for node in self.root.known.values()} == set(self.model)


TestInodeTable = InodeTable.TestCase


def test_a_number_that_was_given_back_is_stale() -> None:
    root = Known(root_key(b"root"), None, b"")
    table = Inodes(root)
    node = table.number(Node(root_key(b"a"), root))
    table.count(node, root, b"a")
    table.forget(node.ino, 1)
    with pytest.raises(OSError) as stale:
        table.get(node.ino)
    assert stale.value.errno == errno.ESTALE


def test_the_root_is_never_forgotten() -> None:
    root = Known(root_key(b"root"), None, b"")
    table = Inodes(root)
    table.forget(ROOT, 5)
    assert table.get(ROOT) is root


def test_numbers_follow_from_what_a_node_is_so_that_they_survive_a_remount() -> None:
    root = Known(root_key(b"root"), None, b"")
    first, second = Inodes(root), Inodes(root)
    second.count(second.number(Node(root_key(b"b"), root)), root, b"b")
    assert first.number(Node(root_key(b"a"), root)).ino == second.number(Node(root_key(b"a"), root)).ino


def test_a_file_the_kernel_knows_is_kept_packed_and_is_what_it_was() -> None:
    entry = Entry(b"a\xff", stat.S_IFREG | 0o640, -1, 5, b"c" * 32)
    leaf = Leaf(b"k" * 16, None, entry)
    leaf.settle()
    assert (leaf.key, leaf.entry, leaf.size, leaf.mtime_ns) == (b"k" * 16, entry, 5, -1)
    assert leaf.mode == stat.S_IFREG | 0o440
