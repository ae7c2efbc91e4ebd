"""Many files of one directory, each at a path of its own: as if each had been written, and told when one cannot be."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import store
from store import HostFile

OVER_A_WINDOW = 5 << 20
CONTENTS = st.sampled_from([b"", b"a", b"b" * 300, bytes(20_000), bytes(range(256)) * 800])
PATHS = st.lists(st.sampled_from([b"a", b"b", b"c"]), min_size=1, max_size=3).map(b"/".join)


def placed(source: Path, contents: dict[bytes, bytes], **options: object) -> list[HostFile]:
    """Files of `source` under numbers, for the paths."""
    made = []
    for number, (path, content) in enumerate(contents.items()):
        (source / str(number)).write_bytes(content)
        made.append(HostFile(b"%d" % number, path, **options))  # type: ignore[arg-type]
    return made


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[store.Store]:
    """One store for all examples."""
    with store.create(tmp_path_factory.mktemp("shared") / "store") as made:
        yield made


def files_below(data: store.Store, directory: store.Entry, above: bytes = b"") -> dict[bytes, store.Entry]:
    found = {}
    for entry in data.iter_directory(directory):
        path = above + entry.name
        found |= files_below(data, entry, path + b"/") if entry.is_dir else {path: entry}
    return found


@settings(max_examples=40, deadline=None)
@given(st.dictionaries(PATHS, CONTENTS, min_size=1, max_size=8), st.booleans())
def test_they_are_what_writing_each_would_make(shared, contents, on_something):
    paths = [path for path in contents if not any(path.startswith(each + b"/") for each in contents)]
    base = None
    if on_something:
        with shared.edit_tree(None) as edit:
            edit.write("a/a/a/kept", b"1", mtime_ns=1)
            edit.write("b", b"2", mtime_ns=1)
            base = edit.save()
    with tempfile.TemporaryDirectory() as top:
        files = placed(Path(top), {path: contents[path] for path in paths}, mode=0o600)
        made = []
        for gathered in (True, False):
            with shared.edit_tree(base) as edit:
                for path in paths:
                    for above in (path[:1], path[:3], path):
                        there = edit.find(above)
                        if there is not None and there.is_dir == (above == path):
                            edit.remove(above)
                if gathered:
                    edit.put_files(top, files)
                else:
                    for file in files:
                        at = Path(top, os.fsdecode(file.name))
                        edit.write(file.path, at.read_bytes(), mode=0o600, mtime_ns=at.stat().st_mtime_ns)
                made.append(files_below(shared, edit.save()))
    assert made[0] == made[1]
    for path in paths:
        entry = made[0][path]
        assert shared.fetch(shared.extents(entry, 0, len(contents[path]))) == contents[path]


def test_more_than_a_window_of_them_come_in_order_with_large_ones_between(repo, source):
    sizes = {b"%03d" % number: 10 for number in range(600)} | {b"300": OVER_A_WINDOW, b"301": OVER_A_WINDOW}
    told = [0, 0]

    def tell(files, size):
        told[0] += files
        told[1] += size

    with repo.edit() as edit:
        files = placed(source, {path: path * (size // 3) for path, size in sizes.items()})
        edit.put_files(source, files, progress=tell)
    found = {path: entry.size for path, entry in edit.result.walk()}
    assert found == {path: size // 3 * 3 for path, size in sizes.items()}
    assert told == [600, sum(found.values())]
    assert edit.result.read("300") == b"300" * (OVER_A_WINDOW // 3)


def test_permissions_and_attributes_are_those_asked_for_and_the_time_is_the_files_own(repo, source):
    with repo.edit() as edit:
        (file,) = placed(source, {b"a": b"1"}, mode=0o4750, xattrs={b"user.a": b"1"})
        os.chmod(source / "0", 0o600)
        os.utime(source / "0", ns=(5, 7))
        edit.put_files(source, [file])
    entry = edit.result.entry("a")
    assert (stat.S_IMODE(entry.mode), entry.xattrs, entry.mtime_ns) == (0o4750, {b"user.a": b"1"}, 7)


def test_a_directory_is_not_replaced_by_a_file_nor_a_file_by_a_directory(repo, source):
    with repo.edit() as edit:
        edit.write("dir/file", b"1")
    for path, error in ((b"dir", store.IsADirectory), (b"dir/file/below", store.NotADirectory)):
        with pytest.raises(error), repo.edit() as edit:
            edit.put_files(source, placed(source, {path: b"2"}))


def test_a_name_that_may_not_be_is_refused(repo, source):
    with pytest.raises(store.Refused), repo.edit() as edit:
        edit.put_files(source, placed(source, {b"a/..": b"1"}))


def test_the_first_that_cannot_be_read_is_raised_with_its_whole_path(repo, source):
    files = placed(source, {b"a": b"1", b"b": b"2"})
    (source / "1").unlink()
    with pytest.raises(FileNotFoundError) as raised, repo.edit() as edit:
        edit.put_files(source, files)
    assert raised.value.filename == str(source / "1")
    (source / "1").symlink_to("0")
    with pytest.raises(store.SpecialFile, match="/1'"), repo.edit() as edit:
        edit.put_files(source, files)
    assert repo.head() is None
