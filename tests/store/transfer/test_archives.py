"""tar in and out: everything comes back, hostile archives put nothing elsewhere, damaged ones nothing at all."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import lzma
import os
import shutil
import subprocess
import tarfile
import tracemalloc
from pathlib import Path

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

import store
from store.testing.strategies import pseudo_random


def pack(commit: store.Commit, path: str = "") -> bytes:
    out = io.BytesIO()
    store.write_tar(commit.trees, commit.entry(path), out)
    return out.getvalue()


def put(repo: store.Repo, archive: bytes, path: str = "") -> tuple[store.Commit | None, dict[bytes, str]]:
    with repo.edit() as edit:
        skipped = store.put_tar(edit, io.BytesIO(archive), path)
    return edit.result, {each.name: each.why for each in skipped}


def listing(commit: store.Commit) -> dict[bytes, tuple[int, int, bytes]]:
    return {
        path: (entry.mode, entry.mtime_ns, commit.read(path) if entry.is_file else entry.target or b"")
        for path, entry in commit.walk()
    }


@pytest.fixture
def full(trips: store.Repo) -> store.Commit:
    """Everything that is hard to keep in an archive."""
    noon = 1469966400_000000000
    with trips.edit() as edit:
        edit.write("plain", b"1", mtime_ns=noon)
        edit.write("to the ns", b"2", mtime_ns=noon + 123_456_789)
        edit.write("before 1970", b"3", mtime_ns=-1_500_000_000)
        edit.write("empty", b"", mtime_ns=noon)
        edit.write("deep/" + "x" * 255, b"4", mtime_ns=noon, mode=0o755)
        edit.write("/".join(["long" * 60] * 4), b"5", mtime_ns=noon)
        edit.write("größe", b"6", mtime_ns=noon)
        edit.write(b"\xff\xfe bytes\n", b"7", mtime_ns=noon)
        edit.write("large", pseudo_random(1, 5_000_000), mtime_ns=noon)
        edit.symlink("link", "deep/er", mtime_ns=noon + 5)
        edit.symlink("far", b"\xfe/" + b"y" * 300, mtime_ns=noon)
        edit.mkdir("none", mode=0o700, mtime_ns=noon + 1)
        edit.mkdir("deep", mtime_ns=noon)
        edit.mkdir("/".join(["long" * 60] * 1), mtime_ns=noon)
        edit.mkdir("/".join(["long" * 60] * 2), mtime_ns=noon)
        edit.mkdir("/".join(["long" * 60] * 3), mtime_ns=noon)
    assert edit.result is not None
    return edit.result


def test_what_is_written_comes_back_bit_for_bit(data, full):
    again, skipped = put(data.create_repo("again"), pack(full))
    assert not skipped and listing(again) == listing(full)
    assert again.tree.digest == full.tree.digest


def test_the_same_commit_gives_the_same_bytes_for_ever(full):
    archive = pack(full)
    assert archive == pack(full) and len(archive) % 10240 == 0
    assert hashlib.sha256(archive).hexdigest() == (
        "9e545ae4553bb7b52c2e53d45e3ad0880827b6ea0401ecd4db196867ea7181de"
    )


def test_members_come_in_the_order_of_paths_below_what_was_named(full):
    with tarfile.open(fileobj=io.BytesIO(pack(full, "deep"))) as archive:
        assert archive.getnames() == ["x" * 255]
    with tarfile.open(fileobj=io.BytesIO(pack(full))) as archive:
        names = [name.encode("utf-8", "surrogateescape") for name in archive.getnames()]
    assert names == [path for path, _ in full.walk()]


def test_a_file_is_an_archive_of_itself(full):
    with tarfile.open(fileobj=io.BytesIO(pack(full, "to the ns"))) as archive:
        (member,) = archive.getmembers()
        assert (member.name, member.size, member.pax_headers["mtime"]) == (
            "to the ns",
            1,
            "1469966400.123456789",
        )


def test_setuid_stays_behind(trips):
    with trips.edit() as edit:
        edit.write("tool", b"", mode=0o6755)
    with tarfile.open(fileobj=io.BytesIO(pack(edit.result))) as archive:
        assert archive.getmember("tool").mode == 0o755


@pytest.mark.parametrize("program", ["tar", "bsdtar"])
def test_other_programs_read_it(full, tmp_path, program):
    if shutil.which(program) is None:
        pytest.skip(f"no {program} here")
    done = subprocess.run(
        [program, "-xf", "-", "-C", str(tmp_path)], input=pack(full), capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
    for path, (mode, mtime, content) in listing(full).items():
        there = os.fsencode(tmp_path) + b"/" + path
        status = os.lstat(there)
        assert (status.st_mode, status.st_mtime_ns) == (mode, mtime)
        if not os.path.isdir(there):
            found = os.readlink(there) if os.path.islink(there) else Path(os.fsdecode(there)).read_bytes()
            assert found == content


@pytest.mark.parametrize("form", ["gnu", "pax", "ustar", "posix", "v7", "oldgnu"])
def test_what_other_programs_write_is_read(trips, tmp_path, form):
    (tmp_path / "in" / "sub").mkdir(parents=True)
    (tmp_path / "in" / "sub" / "file").write_bytes(b"1" * 3000)
    (tmp_path / "in" / "link").symlink_to("sub/file")
    os.link(tmp_path / "in/sub/file", tmp_path / "in/sub/hard")
    if form in ("gnu", "pax", "posix", "oldgnu"):
        (tmp_path / "in" / ("n" * 200)).write_bytes(b"long")
    with open(os.fsencode(tmp_path) + b"/in/\xff", "wb") as file:
        file.write(b"raw")
    packed = subprocess.run(
        ["tar", "-C", str(tmp_path / "in"), f"--format={form}", "-cf", "-", "."],
        capture_output=True,
        check=True,
    ).stdout
    commit, skipped = put(trips, packed)
    assert not skipped and commit is not None
    assert commit.read("sub/file") == commit.read("sub/hard") == b"1" * 3000
    assert commit.entry("link").target == b"sub/file" and commit.read(b"\xff") == b"raw"
    if form in ("gnu", "pax", "posix", "oldgnu"):
        assert commit.read("n" * 200) == b"long"


# ---- archives of all kinds, made by hand


def member(
    name: str | bytes, data: bytes = b"", kind: bytes = tarfile.REGTYPE, link: str = "", **fields: object
) -> bytes:
    text = name if isinstance(name, str) else name.decode("utf-8", "surrogateescape")
    info = tarfile.TarInfo(text)
    info.type, info.linkname, info.size = kind, link, len(data)
    for field, value in fields.items():
        setattr(info, field, value)
    return info.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape") + data + bytes(-len(data) % 512)


END = bytes(1024)


@pytest.mark.parametrize(
    ("first", "second", "why"),
    [
        (b"", member("/etc/passwd", b"x"), "absolute"),
        (b"", member("../up", b"x"), "leads out"),
        (b"", member("a/../../up", b"x"), "leads out"),
        (b"", member("a/..", b"", tarfile.DIRTYPE), "leads out"),
        (b"", member("x" * 256, b"x"), "over 255 bytes"),
        (b"", member("/".join("a" * 256), b"x"), "names deep"),
        (member("out", kind=tarfile.SYMTYPE, link="/tmp"), member("out/file", b"x"), "not a directory"),
        (member("file", b"1"), member("file/below", b"x"), "not a directory"),
        (member("dir/file", b"1"), member("dir", b"x"), "is a directory"),
        (b"", member("device", kind=tarfile.CHRTYPE), "a device"),
        (b"", member("disk", kind=tarfile.BLKTYPE), "a device"),
        (b"", member("pipe", kind=tarfile.FIFOTYPE), "a named pipe"),
        (b"", member("odd", kind=b"Z"), "neither"),
        (b"", member("hard", kind=tarfile.LNKTYPE, link="nothing"), "not a file of the archive"),
        (b"", member("hard", kind=tarfile.LNKTYPE, link="../up"), "leads out"),
        (b"", member("hard", kind=tarfile.LNKTYPE, link="/etc/passwd"), "absolute"),
        (b"", member("soft", kind=tarfile.SYMTYPE, link=""), "0 bytes"),
    ],
)
def test_what_must_not_be_put_is_left_out_by_name_and_the_rest_is_put(trips, first, second, why):
    commit, skipped = put(trips, first + second + member("good", b"2") + END)
    (said,) = skipped.values()
    assert why in said and commit is not None
    assert commit.read("good") == b"2"
    assert {path for path, _ in commit.walk()} <= {b"good", b"out", b"file", b"dir", b"dir/file"}


def test_the_last_of_two_members_with_one_name_counts(trips):
    commit, skipped = put(trips, member("a", b"1") + member("b", b"x") + member("./a", b"22") + END)
    assert not skipped and commit.read("a") == b"22"


def test_an_archive_goes_below_a_directory_and_over_what_is_there(trips):
    put(trips, member("a", b"1") + member("b", b"1") + END, "in/here")
    commit, _ = put(trips, member("a", b"2") + member(".", kind=tarfile.DIRTYPE, mode=0o700) + END, "in/here")
    assert (commit.read("in/here/a"), commit.read("in/here/b")) == (b"2", b"1")
    assert commit.entry("in/here").mode & 0o777 == 0o700


def test_a_hard_link_below_a_directory_finds_its_file_there(trips):
    archive = member("a/file", b"1") + member("b/hard", kind=tarfile.LNKTYPE, link="a/file") + END
    commit, skipped = put(trips, archive, "in")
    assert not skipped and commit.read("in/b/hard") == b"1"


SOUND = member("a", b"1" * 700) + member("ü" * 120, b"2") + member("c", kind=tarfile.SYMTYPE, link="a") + END


@pytest.mark.parametrize(
    "compress",
    [
        gzip.compress,
        bz2.compress,
        lzma.compress,
        zstandard.ZstdCompressor().compress,
        lambda raw: gzip.compress(raw[:900]) + gzip.compress(raw[900:]),
        lambda raw: lzma.compress(raw[:900]) + bytes(8) + lzma.compress(raw[900:]),
    ],
    ids=["gzip", "bzip2", "xz", "zstd", "gzip in two parts", "xz in two parts"],
)
def test_compression_is_known_by_its_first_bytes_and_damage_to_it_is_seen(data, compress):
    packed = compress(SOUND)
    commit, _ = put(data.create_repo("sound"), packed)
    assert commit.read("a") == b"1" * 700
    repo = data.create_repo("cut")
    for cut in (len(packed) // 2, len(packed) - 1 if packed[:4] != b"\x28\xb5\x2f\xfd" else len(packed) - 20):
        with pytest.raises(store.BadArchive):
            put(repo, packed[:cut])
    assert repo.head() is None


@pytest.mark.parametrize("cut", range(0, len(SOUND) - 1024 + 1, 256))
def test_an_archive_that_was_cut_short_puts_nothing(trips, cut):
    with pytest.raises(store.BadArchive):
        put(trips, SOUND[:cut])
    assert trips.head() is None


def outcome(data: store.Store, archive: bytes) -> str:
    """What comes of putting it: why not, or `fine`."""
    with data.edit_tree() as edit:
        try:
            store.put_tar(edit, io.BytesIO(archive))
        except store.BadArchive as error:
            return str(error)
    return "fine"


@given(at=st.integers(0, len(SOUND) - 1025), flip=st.integers(1, 255))
def test_a_flipped_byte_changes_what_is_put_or_is_refused(shared, at, flip):
    raw = bytearray(SOUND)
    raw[at] ^= flip
    assert outcome(shared, bytes(raw)).isprintable()


@given(st.binary(max_size=3000) | st.binary(max_size=600).map(lambda raw: SOUND[:1536] + raw))
def test_bytes_of_any_kind_are_an_archive_or_refused(shared, raw):
    assert outcome(shared, raw).isprintable()


def extended(size: int, kind: bytes = tarfile.XHDTYPE) -> bytes:
    info = tarfile.TarInfo("././@PaxHeader")
    info.type, info.size = kind, size
    return info.tobuf(tarfile.GNU_FORMAT)


class Endless(io.RawIOBase):
    """A head, and then the same for ever: what a small compressed file can unpack to."""

    def __init__(self, head: bytes, fill: bytes) -> None:
        self._head, self._fill, self.given = head, fill * 65536, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        piece = (self._head or self._fill)[: len(buffer)]
        self._head = self._head[len(piece) :]
        buffer[: len(piece)] = piece
        self.given += len(piece)
        assert self.given < 1 << 30, "it reads on and on"
        return len(piece)


GNU_SPARSE = tarfile.TarInfo("s")
GNU_SPARSE.type = tarfile.GNUTYPE_SPARSE
BOMBS = {
    "an extended header of a terabyte": (extended(1 << 40), b"x"),
    "a global header of a terabyte": (extended(1 << 40, tarfile.XGLTYPE), b"x"),
    "a long name of a terabyte": (extended(1 << 40, tarfile.GNUTYPE_LONGNAME), b"x"),
    "a long link of a terabyte": (extended(1 << 40, tarfile.GNUTYPE_LONGLINK), b"x"),
    "an extended header of digits": (extended(60_000), b"1"),
    "long names one after another": (b"", extended(10, tarfile.GNUTYPE_LONGNAME) + b"n".ljust(512, b"\0")),
    "a sparse map without an end": (GNU_SPARSE.tobuf(tarfile.GNU_FORMAT), b"\xff"),
    "a member with a negative size": (
        extended(11) + b"11 size=-9\n".ljust(512, b"\0") + member("a", b""),
        b"\0",
    ),
    "a sparse map in a member": (
        member("m", pax_headers={"GNU.sparse.major": "1", "GNU.sparse.minor": "0"}),
        b"1",
    ),
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_bomb_is_refused_in_bounded_memory(shared, bomb):
    tracemalloc.start()
    try:
        with shared.edit_tree() as edit, pytest.raises(store.BadArchive):
            store.put_tar(edit, io.BufferedReader(Endless(*BOMBS[bomb])))
        assert tracemalloc.get_traced_memory()[1] < 96 << 20
    finally:
        tracemalloc.stop()


def test_members_are_forgotten_once_they_were_put(shared):
    many = b"".join(member(f"{number}", kind=tarfile.DIRTYPE) for number in range(5))
    archive = io.BytesIO(many * 2000 + END)
    with shared.edit_tree() as edit:
        store.put_tar(edit, archive)
        tracemalloc.start()
        try:
            archive.seek(0)
            store.put_tar(edit, archive)
            assert tracemalloc.get_traced_memory()[1] < 4 << 20
        finally:
            tracemalloc.stop()
