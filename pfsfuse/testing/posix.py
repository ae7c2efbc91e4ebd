"""What POSIX expects, as functions of a directory: first a plain directory proves the test, then a mount us.

`lay_out` makes the directory that every call in CHANGES works on:

    file       b"old content"        directory/inner   b"inner"
    other      b"other"              empty/            nothing in it
    link    -> file                  directory/        not empty
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import mmap
import os
import random
import socket
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

_libc = ctypes.CDLL(None, use_errno=True)

AT_FDCWD = -100
NOREPLACE, EXCHANGE = 1, 2
ATTRIBUTE = "user.pfs-test"


def lay_out(directory: Path) -> None:
    """Make the tree that CHANGES expects in an empty directory."""
    for name, content in (("file", b"old content"), ("other", b"other")):
        (directory / name).write_bytes(content)
    (directory / "link").symlink_to("file")
    (directory / "directory").mkdir()
    (directory / "directory" / "inner").write_bytes(b"inner")
    (directory / "empty").mkdir()


def _open(name: str, flags: int) -> Callable[[Path], None]:
    def call(directory: Path) -> None:
        os.close(os.open(directory / name, flags, 0o644))

    return call


@contextmanager
def _reading(path: Path) -> Iterator[int]:
    fd = os.open(path, os.O_RDONLY)
    try:
        yield fd
    finally:
        os.close(fd)


def _on_open_file(change: Callable[[int], object]) -> Callable[[Path], None]:
    def call(directory: Path) -> None:
        with _reading(directory / "file") as fd:
            change(fd)

    return call


def _check(result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def renameat2(old: Path, new: Path, flags: int) -> None:
    _check(_libc.renameat2(AT_FDCWD, os.fsencode(old), AT_FDCWD, os.fsencode(new), flags))


def _may_write(path: Path) -> None:
    _check(_libc.access(os.fsencode(path), os.W_OK))


def _bind(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener, _reading(path.parent) as fd:
        listener.bind(f"/proc/self/fd/{fd}/{path.name}")  # not the path itself, which may be over 107 bytes


def _set_flags(fd: int) -> None:
    """chattr +d, which asks for nothing that a file system could mind."""
    fcntl.ioctl(fd, 0x40086602, (0x40).to_bytes(8, "little"))


CHANGES: dict[str, Callable[[Path], object]] = {
    "open O_WRONLY": _open("file", os.O_WRONLY),
    "open O_RDWR": _open("file", os.O_RDWR),
    "open O_WRONLY|O_APPEND": _open("file", os.O_WRONLY | os.O_APPEND),
    "open O_RDONLY|O_TRUNC": _open("file", os.O_RDONLY | os.O_TRUNC),
    "open O_WRONLY|O_TRUNC": _open("file", os.O_WRONLY | os.O_TRUNC),
    "open O_CREAT of a file that exists": _open("file", os.O_WRONLY | os.O_CREAT),
    "open O_CREAT through a symlink": _open("link", os.O_WRONLY | os.O_CREAT),
    "open O_CREAT": _open("new", os.O_WRONLY | os.O_CREAT),
    "open O_CREAT|O_RDONLY": _open("new", os.O_RDONLY | os.O_CREAT),
    "open O_CREAT|O_EXCL": _open("new", os.O_WRONLY | os.O_CREAT | os.O_EXCL),
    "open O_CREAT in a subdirectory": _open("directory/new", os.O_WRONLY | os.O_CREAT),
    "open O_TMPFILE": _open("", os.O_WRONLY | os.O_TMPFILE),
    "mkdir": lambda d: os.mkdir(d / "new"),
    "mkdir in a subdirectory": lambda d: os.mkdir(d / "directory" / "new"),
    "rmdir": lambda d: os.rmdir(d / "empty"),
    "unlink": lambda d: os.unlink(d / "file"),
    "unlink of a symlink": lambda d: os.unlink(d / "link"),
    "unlink in a subdirectory": lambda d: os.unlink(d / "directory" / "inner"),
    "rename": lambda d: os.rename(d / "file", d / "new"),
    "rename over a file": lambda d: os.rename(d / "file", d / "other"),
    "rename of a directory": lambda d: os.rename(d / "directory", d / "new"),
    "rename over a directory": lambda d: os.rename(d / "directory", d / "empty"),
    "rename into a subdirectory": lambda d: os.rename(d / "file", d / "directory" / "file"),
    "rename out of a subdirectory": lambda d: os.rename(d / "directory" / "inner", d / "inner"),
    "rename of a symlink": lambda d: os.rename(d / "link", d / "new"),
    "renameat2 RENAME_NOREPLACE": lambda d: renameat2(d / "file", d / "new", NOREPLACE),
    "renameat2 RENAME_EXCHANGE": lambda d: renameat2(d / "file", d / "other", EXCHANGE),
    "link": lambda d: os.link(d / "file", d / "new"),
    "link into a subdirectory": lambda d: os.link(d / "file", d / "directory" / "new"),
    "symlink": lambda d: os.symlink("file", d / "new"),
    "mknod of a file": lambda d: os.mknod(d / "new", stat.S_IFREG | 0o644),
    "mkfifo": lambda d: os.mkfifo(d / "new"),
    "bind of a socket": lambda d: _bind(d / "new"),
    "chmod": lambda d: os.chmod(d / "file", 0o600),
    "chmod of a directory": lambda d: os.chmod(d / "directory", 0o700),
    "fchmod of a file open for reading": _on_open_file(lambda fd: os.fchmod(fd, 0o600)),
    "chown": lambda d: os.chown(d / "file", os.getuid(), os.getgid()),
    "lchown of a symlink": lambda d: os.lchown(d / "link", os.getuid(), os.getgid()),
    "fchown of a file open for reading": _on_open_file(lambda fd: os.fchown(fd, os.getuid(), os.getgid())),
    "truncate": lambda d: os.truncate(d / "file", 3),
    "truncate to a greater size": lambda d: os.truncate(d / "file", 1 << 20),
    "utimensat to now": lambda d: os.utime(d / "file"),
    "utimensat": lambda d: os.utime(d / "file", ns=(1, 2)),
    "utimensat of a directory": lambda d: os.utime(d / "directory", ns=(1, 2)),
    "utimensat of a symlink": lambda d: os.utime(d / "link", ns=(1, 2), follow_symlinks=False),
    "futimens of a file open for reading": _on_open_file(lambda fd: os.utime(fd, ns=(1, 2))),
    "setxattr": lambda d: os.setxattr(d / "file", ATTRIBUTE, b"1"),
    "setxattr of a directory": lambda d: os.setxattr(d / "directory", ATTRIBUTE, b"1"),
    "fsetxattr of a file open for reading": _on_open_file(lambda fd: os.setxattr(fd, ATTRIBUTE, b"1")),
    "ioctl FS_IOC_SETFLAGS": _on_open_file(_set_flags),
    "access W_OK of a file": lambda d: _may_write(d / "file"),
    "access W_OK of a directory": lambda d: _may_write(d / "directory"),
}
"""Calls that change something, or ask whether they could; each on a directory just laid out."""


def outcome(call: Callable[[T], object], directory: T) -> str:
    """The name of the error that `call` ends with, "" when it succeeds."""
    try:
        call(directory)
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, str(error.errno))
    return ""


def tree(directory: Path) -> dict[bytes, tuple[object, ...]]:
    """Every path below with what a reader can tell about it: kind and mode without write bits, mtime, content."""
    found: dict[bytes, tuple[object, ...]] = {}
    root = os.fsencode(directory)
    for parent, directories, files in os.walk(root):
        for name in directories + files:
            path = os.path.join(parent, name)
            status = os.lstat(path)
            link = stat.S_ISLNK(status.st_mode)
            mode = status.st_mode if link else status.st_mode & ~0o222
            content = os.readlink(path) if link else None if stat.S_ISDIR(status.st_mode) else _content(path)
            found[os.path.relpath(path, root)] = (mode, status.st_mtime_ns, content)
    return found


def _content(path: bytes) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def reads_like(path: Path, plain: bytes, *, seed: int, times: int = 200) -> None:
    """Assert that pread anywhere, past the end too, and mmap give what slices of `plain` give."""
    rng = random.Random(seed)  # noqa: S311  # reproducible, not secret
    assert path.stat().st_size == len(plain)
    with _reading(path) as fd:
        for _ in range(times):
            offset, size = rng.randrange(len(plain) + 5000), rng.choice((1, 100, 4096, 70_000, 300_000))
            assert os.pread(fd, size, offset) == plain[offset : offset + size], (offset, size)
        if plain:
            with mmap.mmap(fd, len(plain), prot=mmap.PROT_READ) as mapped:
                for _ in range(times):
                    offset, size = rng.randrange(len(plain)), rng.choice((1, 4096, 20_000))
                    assert mapped[offset : offset + size] == plain[offset : offset + size], (offset, size)
        assert os.lseek(fd, 0, os.SEEK_END) == len(plain)
        assert os.read(fd, 10) == b""
