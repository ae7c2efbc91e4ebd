"""A directory that is loaded as a whole is the directory that is put name by name."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import store
from store.testing.strategies import pseudo_random

NAMES = st.binary(min_size=1, max_size=12).filter(
    lambda name: not set(name) & set(b"/\0") and name not in (b".", b"..")
)
CONTENTS = st.one_of(
    st.binary(max_size=40),
    st.builds(pseudo_random, st.integers(0, 3), st.sampled_from((16_383, 16_384, 70_000, 300_000))),
)
TREES = st.recursive(
    CONTENTS | st.builds(os.fsdecode, NAMES),  # bytes: a file; text: a link
    lambda below: st.dictionaries(NAMES, below, max_size=6),
    max_leaves=12,
)


def make(path: bytes, thing: object) -> None:
    if isinstance(thing, dict):
        os.mkdir(path)
        for name, below in thing.items():
            make(path + b"/" + name, below)
    elif isinstance(thing, bytes):
        with open(path, "wb") as out:
            out.write(thing)
    else:
        os.symlink(os.fsencode(str(thing)), path)


def one_by_one(edit: store.TreeEdit, source: bytes, path: bytes = b"") -> None:
    """What putting a directory means, slowly."""
    status = os.stat(source)
    edit.mkdir(path, mode=status.st_mode, mtime_ns=status.st_mtime_ns)
    for name in os.listdir(source):
        host, below = source + b"/" + name, path + b"/" + name
        if stat.S_ISDIR(os.lstat(host).st_mode):
            one_by_one(edit, host, below)
        else:
            edit.put(host, below)


@settings(max_examples=40, deadline=None)
@given(st.dictionaries(NAMES, TREES, max_size=5), st.dictionaries(NAMES, TREES, max_size=3))
def test_loading_gives_the_ids_that_putting_one_by_one_gives(shared, tmp_path_factory, tree, before):
    source = os.fsencode(tmp_path_factory.mktemp("tree")) + b"/source"
    make(source, tree)
    with shared.edit_tree() as edit:
        for name, thing in before.items():
            if isinstance(thing, bytes):
                edit.write(name, thing, mtime_ns=1)
        base = edit.save()
    with shared.edit_tree(base) as slow:
        try:
            one_by_one(slow, source)
        except (store.IsADirectory, store.NotADirectory) as error:
            with shared.edit_tree(base) as fast, pytest.raises(type(error)):
                fast.put_directory(source)
            return
        expected = slow.save()
    for _ in range(2):  # the second time from memory
        with shared.edit_tree(base) as fast:
            fast.put_directory(source)
            assert fast.save() == expected


@pytest.mark.parametrize("size", [0, 1, 16_383, 16_384, 4 << 20, (4 << 20) + 1, 11_000_000])
def test_a_file_of_any_size_is_what_it_is_when_it_is_written(data, source, size):
    plain = pseudo_random(1, size)
    (source / "file").write_bytes(plain)
    with data.edit_tree() as edit:
        edit.put_directory(source)
        edit.write("written", plain)
        edit.put(source / "file", "put")
        root = edit.save()
    found = {entry.name: (entry.content, entry.height, entry.size) for entry in data.iter_directory(root)}
    assert found[b"file"] == found[b"written"] == found[b"put"]


def test_a_sparse_file_is_read_as_what_it_holds(repo, source):
    with open(source / "sparse", "wb") as out:
        out.truncate(50_000_000)
        out.seek(20_000_000)
        out.write(b"in the middle")
    with repo.edit() as edit:
        edit.put_directory(source)
    content = edit.result.read("sparse")
    assert len(content) == 50_000_000 and content[20_000_000:20_000_013] == b"in the middle"
    assert not content[:20_000_000].strip(b"\0")
    assert edit.stored < 1_000_000


def make_sparse(path: Path, parts: list[tuple[int, bytes]], size: int) -> None:
    """A file of `size` bytes that is holes but for what is written at some offsets."""
    with path.open("wb") as out:
        out.truncate(size)
        for offset, data in parts:
            out.seek(offset)
            out.write(data)


SPARSE = [
    pytest.param([], 50_000_000, id="nothing but a hole"),
    pytest.param([(0, pseudo_random(1, 300_000))], 9_000_001, id="a hole at the end"),
    pytest.param([(8_999_999, b"x")], 9_000_000, id="a hole at the beginning"),
    pytest.param([(4096 * at, b"x") for at in range(0, 900, 7)], 4 << 20, id="many that are short"),
    pytest.param(
        [(3_000_000, pseudo_random(2, 5_000_000)), (20_000_000, bytes(4096) + b"x")], 40_000_000, id="some"
    ),
]


@pytest.mark.parametrize(("parts", "size"), SPARSE)
def test_a_file_with_holes_is_put_as_its_bytes_would_be(data, source, parts, size):
    make_sparse(source / "file", parts, size)
    with data.edit_tree() as edit:
        edit.put_directory(source)
        edit.put(source / "file", "put")
        edit.write("written", (source / "file").read_bytes())
        root = edit.save()
    found = {entry.name: (entry.content, entry.height, entry.size) for entry in data.iter_directory(root)}
    assert found[b"file"] == found[b"put"] == found[b"written"]


@pytest.mark.parametrize("through", ["put", "put_directory"])
def test_a_terabyte_with_some_data_in_it_costs_that_data(repo, source, through):
    told = []
    make_sparse(source / "image", [(at << 36, pseudo_random(at, 100_000)) for at in range(10)], 1 << 40)
    with repo.edit() as edit:
        if through == "put":
            edit.put(source / "image", "image", progress=lambda *each: told.append(each))
        else:
            edit.put_directory(source, progress=lambda *each: told.append(each))
    assert edit.result.entry("image").size == 1 << 40
    with edit.result.open("image") as image:
        image.seek(3 << 36)
        assert image.read(200_000) == pseudo_random(3, 100_000) + bytes(100_000)
    assert edit.stored < 2_000_000
    assert [sum(each) for each in zip(*told, strict=True)] == [1, 1 << 40]


def test_a_hole_that_is_written_to_while_the_file_is_read_is_not_taken_for_zeros(repo, source):
    make_sparse(source / "image", [], 100_000_000)
    hooked = []

    def write_once(files: int, size: int) -> None:
        if not hooked:
            hooked.append(True)
            make_sparse(source / "image", [(77_000_000, b"late")], 100_000_000)

    with repo.edit() as edit:
        edit.put(source / "image", "image", progress=write_once)
    with edit.result.open("image") as image:
        image.seek(77_000_000)
        assert image.read(4) == b"late"


@pytest.mark.parametrize(
    "name",
    [bytes([byte]) for byte in range(1, 256) if byte not in b"/."]
    + [b"x" * 255, b"a@b:c", b"\xff\xfe", b"..."],
)
def test_every_byte_that_a_name_may_have_is_kept(data, source, name):
    (Path(os.fsdecode(os.fsencode(source) + b"/" + name))).write_bytes(name)
    with data.edit_tree() as edit:
        edit.put_directory(source)
        root = edit.save()
    assert [entry.name for entry in data.iter_directory(root)] == [name]


def test_what_the_repo_has_beside_it_stays(repo, source):
    with repo.edit() as edit:
        edit.write("below/other", b"1")
        edit.write("below/deep/other", b"2")
    (source / "deep").mkdir()
    (source / "deep/new").write_bytes(b"3")
    with repo.edit() as edit:
        edit.put_directory(source, "below")
    assert [path for path, entry in edit.result.walk() if entry.is_file] == [
        b"below/deep/new", b"below/deep/other", b"below/other",
    ]  # fmt: skip


def test_changes_before_and_after_it_in_one_edit_count(repo, source):
    (source / "sub").mkdir()
    for name in ("a", "b", "sub/c", "sub/d"):
        (source / name).write_bytes(b"loaded")
    with repo.edit() as edit:
        edit.write("a", b"before")
        edit.write("sub/c", b"before")
        edit.write("sub/only", b"before")
        edit.put_directory(source)
        edit.write("sub/d", b"after")
        edit.remove("b")
        assert edit.find("b") is None and edit.find("sub/only") is not None and edit.find("a").size == 6
    assert {path: edit.result.read(path) for path, entry in edit.result.walk() if entry.is_file} == {
        b"a": b"loaded", b"sub/c": b"loaded", b"sub/d": b"after", b"sub/only": b"before",
    }  # fmt: skip


def test_what_was_loaded_is_found_and_changed_before_it_is_saved(repo, source):
    (source / "sub/deep").mkdir(parents=True)
    (source / "sub/deep/file").write_bytes(b"1")
    with repo.edit() as edit:
        edit.put_directory(source, "x")
        assert edit.find("x/sub/deep/file").size == 1 and edit.find("x/sub/none") is None
        assert edit.find("x/sub").is_dir
        edit.write("x/sub/deep/file", b"22")
        assert edit.find("x/sub/deep/file").size == 2
        edit.put_directory(source, "x/sub")
    assert [path for path, entry in edit.result.walk() if entry.is_file] == [
        b"x/sub/deep/file",
        b"x/sub/sub/deep/file",
    ]
    assert edit.result.read("x/sub/deep/file") == b"22"


def test_a_lost_race_lays_it_over_the_new_head(repo, source):
    (source / "ours").write_bytes(b"1")
    with repo.edit() as first:
        first.write("start", b"0")
    with repo.edit() as edit:
        edit.put_directory(source)
        with repo.edit() as other:
            other.write("theirs", b"2")
            other.remove("start")
    assert [path for path, _ in edit.result.walk()] == [b"ours", b"theirs"]


@pytest.mark.parametrize(("there", "error"), [("f", store.IsADirectory), ("d", store.NotADirectory)])
def test_a_file_where_the_repo_has_a_directory_is_refused_by_its_path(repo, source, there, error):
    (source / "sub/d").mkdir(parents=True)
    (source / "sub/f").write_bytes(b"")
    with repo.edit() as edit:
        edit.write("at/sub/f/x" if there == "f" else "at/sub/d", b"1")
    with repo.edit() as again:
        with pytest.raises(error, match=f"'at/sub/{there}'"):
            again.put_directory(source, "at")
        again.write("at/other", b"2")
    assert again.result.find("at/sub/f/x" if there == "f" else "at/sub/d") is not None


def test_a_directory_that_is_deeper_than_paths_of_the_kernel_is_put(repo, source):
    at = os.open(source, os.O_RDONLY)
    for _ in range(30):
        os.mkdir("n" * 200, dir_fd=at)
        below = os.open("n" * 200, os.O_RDONLY, dir_fd=at)
        os.close(at)
        at = below
    os.close(os.open("leaf", os.O_CREAT | os.O_WRONLY, dir_fd=at))
    os.close(at)
    with repo.edit() as edit:
        edit.put_directory(source)
    assert edit.result.find("/".join(["n" * 200] * 30 + ["leaf"])) is not None


def test_more_directories_than_may_be_open_at_once_are_put(repo, source):
    for number in range(1500):
        (source / f"{number}").mkdir()
        (source / f"{number}/file").write_bytes(b"%d" % number)
    with repo.edit() as edit:
        edit.put_directory(source)
    assert edit.result.tree.files == 1500
