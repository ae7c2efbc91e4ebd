"""From the host into the store and back: nothing is lost on the way, and nothing leads elsewhere."""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path

import pytest

import store


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A directory with everything that is hard to keep."""
    root = tmp_path / "source"
    (root / "sub/empty").mkdir(parents=True)
    files = {
        "plain": b"1",
        "empty-file": b"",
        "large": os.urandom(400_000),
        "sub/deep": b"2",
        "-rf": b"3",
        "new\nline": b"4",
        "x" * 255: b"5",
    }
    for name, content in files.items():
        (root / name).write_bytes(content)
    with open(os.fsencode(root) + b"/\xff\xfe bytes", "wb") as raw:
        raw.write(b"6")
    (root / "relative").symlink_to("sub/deep")
    (root / "dangling").symlink_to("nowhere/at all")
    (root / "absolute").symlink_to("/etc/passwd")
    (root / "sub/to-directory").symlink_to("..")
    os.symlink(b"\xff", os.fsencode(root) + b"/\xfe")
    for number, mode in enumerate((0o644, 0o755, 0o600, 0o444, 0o777, 0o1755)):
        (root / f"mode{number}").write_bytes(b"")
        (root / f"mode{number}").chmod(mode)
    (root / "sub/empty").chmod(0o700)
    for number, (directory, below, names) in enumerate(os.walk(root, topdown=False)):
        for name in [*names, *below, "."]:
            moment = 1_000_000_000_123_456_789 + number
            os.utime(os.path.join(directory, name), ns=(moment, moment), follow_symlinks=False)
    return root


def listing(root: Path) -> dict[bytes, tuple[int, int, bytes]]:
    """Every path below with its mode, mtime and bytes, links not followed."""
    found = {}
    top = os.fsencode(root)
    for directory, below, names in os.walk(top):
        for name in [*names, *below, b"."]:
            path = os.path.join(directory, name)
            status = os.lstat(path)
            if stat.S_ISLNK(status.st_mode):
                content = os.readlink(path)
            else:
                content = Path(os.fsdecode(path)).read_bytes() if stat.S_ISREG(status.st_mode) else b""
            found[os.path.relpath(path, top)] = (status.st_mode, status.st_mtime_ns, content)
    return found


def test_a_directory_comes_back_as_it_was(trips, source, tmp_path):
    with trips.edit() as edit:
        edit.put_directory(source)
    commit = edit.result
    store.export(commit.trees, commit.tree, tmp_path / "back")
    assert listing(tmp_path / "back") == listing(source)
    assert commit.tree.files == sum(not stat.S_ISDIR(mode) for mode, _, _ in listing(source).values())


def test_putting_the_same_directory_again_makes_no_commit(trips, source):
    with trips.edit() as edit:
        edit.put_directory(source, "below/here")
    with trips.edit() as again:
        again.put_directory(source, "below/here")
    assert not again.changed and again.result == edit.result


def test_touching_files_on_the_host_makes_no_commit(trips, source):
    with trips.edit() as edit:
        edit.put_directory(source)
    for directory, _, files in os.walk(source):
        for name in files:
            os.utime(os.path.join(directory, name), ns=(5, 5), follow_symlinks=False)
    with trips.edit() as again:
        again.put_directory(source)
    assert not again.changed


def test_names_may_be_skipped_and_progress_is_told(trips, source):
    told: list[tuple[int, int]] = []
    with trips.edit() as edit:
        edit.put_directory(source, skip=lambda name: name == b"sub", progress=lambda *more: told.append(more))
    assert edit.result.find("sub") is None and edit.result.find("plain") is not None
    assert sum(size for _, size in told) == edit.result.tree.size
    assert sum(files for files, _ in told) == edit.result.tree.files


def test_one_file_is_put_with_its_mode_and_mtime(trips, source):
    with trips.edit() as edit:
        edit.put(source / "mode1", "tool")
        edit.put(source / "dangling", "link")
        with pytest.raises(store.IsADirectory):
            edit.put(source / "sub", "dir")
        with pytest.raises(FileNotFoundError):
            edit.put(source / "nothing", "x")
    tool, status = edit.result.entry("tool"), (source / "mode1").stat()
    assert (tool.mode, tool.mtime_ns) == (status.st_mode, status.st_mtime_ns)
    assert edit.result.entry("link").target == b"nowhere/at all"


def special_files(directory: Path) -> dict[str, Path]:
    os.mkfifo(directory / "fifo")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.fspath(directory / "socket"))
    return {"named pipe": directory / "fifo", "socket": directory / "socket", "device": Path("/dev/null")}


@pytest.mark.parametrize("kind", ["named pipe", "socket", "device"])
def test_what_is_no_data_is_refused(trips, tmp_path, kind):
    path = special_files(tmp_path)[kind]
    with trips.edit() as edit:
        with pytest.raises(store.SpecialFile, match=f"is a {kind}"):
            edit.put(path, "x")
        with pytest.raises(store.SpecialFile):
            edit.put_directory(tmp_path)
        edit.remove("")


def test_an_export_fills_a_directory_and_replaces_files(trips, source, tmp_path):
    with trips.edit() as edit:
        edit.put_directory(source)
    target = tmp_path / "back"
    target.mkdir()
    (target / "plain").write_text("old")
    (target / "other").write_text("stays")
    store.export(edit.result.trees, edit.result.tree, target)
    assert (target / "plain").read_bytes() == b"1" and (target / "other").read_text() == "stays"


def test_an_export_never_follows_a_link_that_waits_in_the_target(trips, tmp_path):
    with trips.edit() as edit:
        edit.write("file", b"ours")
        edit.write("dir/file", b"ours")
    outside, target = tmp_path / "outside", tmp_path / "back"
    outside.mkdir()
    (outside / "file").write_bytes(b"theirs")
    target.mkdir()
    (target / "file").symlink_to(outside / "file")
    (target / "dir").symlink_to(outside)
    with pytest.raises(OSError):
        store.export(edit.result.trees, edit.result.tree, target)
    assert (outside / "file").read_bytes() == b"theirs" and os.listdir(outside) == ["file"]
    (target / "dir").unlink()
    store.export(edit.result.trees, edit.result.tree, target)
    assert not (target / "file").is_symlink() and (target / "file").read_bytes() == b"ours"
    assert (outside / "file").read_bytes() == b"theirs"


def test_links_in_a_commit_are_written_and_never_followed(trips, tmp_path):
    with trips.edit() as edit:
        edit.symlink("a-link", tmp_path / "outside")
        edit.write("b", b"1")
    (tmp_path / "outside").mkdir()
    store.export(edit.result.trees, edit.result.tree, tmp_path / "back")
    assert os.readlink(tmp_path / "back/a-link") == os.fspath(tmp_path / "outside")
    assert os.listdir(tmp_path / "outside") == []


def test_setuid_does_not_come_alive_on_the_host(trips, tmp_path):
    with trips.edit() as edit:
        edit.write("tool", b"", mode=0o6755)
    store.export(edit.result.trees, edit.result.entry("tool"), tmp_path / "tool")
    assert stat.S_IMODE((tmp_path / "tool").stat().st_mode) == 0o755
