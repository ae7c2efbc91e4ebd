"""Corners of POSIX: what calls refuse, and what they change beside what they are for, as functions of a directory.

Each works in a directory that `posix.lay_out` has made, and ends with an error or with what it saw: first a plain
directory says what is right, then a mount is asked. The groups are those of the well-known suites for file systems: by
call, one row for each way in which it may end.
"""

from __future__ import annotations

import ctypes
import os
import stat
from collections.abc import Callable
from pathlib import Path

from pfsfuse.testing.posix import EXCHANGE, NOREPLACE, outcome, renameat2

Corner = Callable[[Path], object]
LONG = "n" * 255
TOO_LONG = "n" * 256
OLD_NS = 10**18
ALL_BITS, STICKY, SET_UID, SET_GID = 0o7777, 0o1777, 0o4755, 0o2775
_libc = ctypes.CDLL(None, use_errno=True)


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def _then(act: Callable[[Path], object], look: Callable[[Path], object]) -> Corner:
    """What `look` sees after `act`."""

    def call(directory: Path) -> object:
        act(directory)
        return look(directory)

    return call


def _both(first: Callable[[Path], object], second: Callable[[Path], object]) -> Corner:
    return _then(first, second)


def _stamps(act: Callable[[Path], object], *names: str, made: str | None = None) -> Corner:
    """Which of the times of modification of `names` moved on, of files and directories that were old.

    `made`: a directory to be made before.
    """

    def call(directory: Path) -> object:
        if made is not None:
            (directory / made).mkdir()
        for name in names:
            os.utime(directory / name, ns=(OLD_NS, OLD_NS))
        act(directory)
        return [(directory / name).stat().st_mtime_ns > OLD_NS for name in names]

    return call


def _opened(name: str, flags: int, mode: int = 0o644) -> Corner:
    return lambda d: os.close(os.open(d / name, flags, mode))


def _path_of(length: int) -> Callable[[Path], str]:
    """A way to `file` whose name is so many bytes long."""

    def path(directory: Path) -> str:
        return f"{directory}".ljust(length - len("file"), "/") + "file"

    return path


def _loop(directory: Path) -> Path:
    (directory / "one").symlink_to("two")
    (directory / "two").symlink_to("one")
    return directory / "one" / "x"


def _utimensat(path: Path, access: tuple[int, int], modification: tuple[int, int]) -> None:
    times = (ctypes.c_long * 4)(*access, *modification)
    if _libc.utimensat(-100, os.fsencode(path), times, 0):
        raise OSError(ctypes.get_errno(), "utimensat")


def _kept(directory: Path) -> object:
    (directory / "two").mkdir()
    os.rename(directory / "directory", directory / "two" / "moved")
    return sorted(os.listdir(directory / "two" / "moved")), (directory / "directory").exists()


NOW, OMIT = (1 << 30) - 1, (1 << 30) - 2

PATHS: dict[str, Callable[[Path | str], object]] = {
    "chmod": lambda path: os.chmod(path, 0o600),
    "chown": lambda path: os.chown(path, os.getuid(), os.getgid()),
    "mkdir": lambda path: os.mkdir(path),
    "open": lambda path: os.close(os.open(path, os.O_RDONLY)),
    "create": lambda path: os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o644)),
    "rename from": lambda path: os.rename(path, os.path.join(os.path.dirname(path), "moved")),
    "rmdir": lambda path: os.rmdir(path),
    "symlink": lambda path: os.symlink("x", path),
    "truncate": lambda path: os.truncate(path, 1),
    "unlink": lambda path: os.unlink(path),
    "utimensat": lambda path: os.utime(path),
    "readlink": lambda path: os.readlink(path),
    "stat": lambda path: os.stat(path).st_size,
    "listdir": lambda path: os.listdir(path),
}
"""Calls of one path."""

WAYS: dict[str, Callable[[Path], Path | str]] = {
    "what is not there": lambda d: d / "absent",
    "a directory that is not there": lambda d: d / "absent" / "x",
    "a path through a file": lambda d: d / "file" / "x",
    "a path through a loop of symlinks": _loop,
    "a symlink to nothing": lambda d: d / "nowhere",
    "a name of 256 bytes": lambda d: d / TOO_LONG,
    "a name of 255 bytes": lambda d: d / LONG,
    "a path of 4,095 bytes": _path_of(4095),
    "a path of 4,096 bytes": _path_of(4096),
    "an empty directory": lambda d: d / "empty",
    "a full directory": lambda d: d / "directory",
    "a file": lambda d: d / "file",
    "a symlink": lambda d: d / "link",
}
"""Paths to call them with."""


def _on(call: Callable[[Path | str], object], way: Callable[[Path], Path | str]) -> Corner:
    def corner(directory: Path) -> object:
        (directory / "nowhere").symlink_to("absent")
        return call(way(directory))

    return corner


CORNERS: dict[str, Corner] = {
    **{f"{call} of {way}": _on(PATHS[call], WAYS[way]) for call in PATHS for way in WAYS},
    "chmod sets all bits": _then(lambda d: os.chmod(d / "file", ALL_BITS), lambda d: _mode(d / "file")),
    "chmod of a directory sets all bits": _then(
        lambda d: os.chmod(d / "empty", STICKY), lambda d: _mode(d / "empty")
    ),
    "a write takes the bit of another user away": _then(
        _both(lambda d: os.chmod(d / "file", SET_UID), lambda d: (d / "file").write_bytes(b"x")),
        lambda d: _mode(d / "file"),
    ),
    "mkdir applies the umask": _then(lambda d: os.mkdir(d / "new", 0o777), lambda d: _mode(d / "new")),
    "mkdir below a directory with the bit of its group": _then(
        _both(lambda d: os.chmod(d / "empty", SET_GID), lambda d: os.mkdir(d / "empty" / "new")),
        lambda d: _mode(d / "empty" / "new"),
    ),
    "open O_CREAT applies the umask": _then(
        _opened("new", os.O_CREAT | os.O_WRONLY, 0o777), lambda d: _mode(d / "new")
    ),
    "open O_EXCL of what is there": _opened("file", os.O_CREAT | os.O_EXCL | os.O_WRONLY),
    "open O_EXCL of a symlink to nothing": _then(
        lambda d: os.symlink("absent", d / "nowhere"),
        _opened("nowhere", os.O_CREAT | os.O_EXCL | os.O_WRONLY),
    ),
    "open O_CREAT through a symlink to nothing": _then(
        _both(lambda d: os.symlink("absent", d / "nowhere"), lambda d: (d / "nowhere").write_bytes(b"1")),
        lambda d: (d / "absent").read_bytes(),
    ),
    "open O_NOFOLLOW of a symlink": _opened("link", os.O_RDONLY | os.O_NOFOLLOW),
    "open O_DIRECTORY of a file": _opened("file", os.O_RDONLY | os.O_DIRECTORY),
    "open O_WRONLY of a directory": _opened("directory", os.O_WRONLY),
    "open O_CREAT of a directory": _opened("directory", os.O_RDONLY | os.O_CREAT),
    "open of a file with a slash behind it": lambda d: os.close(os.open(f"{d}/file/", os.O_RDONLY)),
    "rename of a directory into itself": lambda d: os.rename(d / "directory", d / "directory" / "x"),
    "rename over a full directory": lambda d: os.rename(d / "empty", d / "directory"),
    "rename of a file over a directory": lambda d: os.rename(d / "file", d / "empty"),
    "rename of a directory over a file": lambda d: os.rename(d / "empty", d / "file"),
    "rename of a file to itself": _then(
        lambda d: os.rename(d / "file", d / "file"), lambda d: (d / "file").read_bytes()
    ),
    "rename of a directory keeps what is below": _kept,
    "rename to a name of 256 bytes": lambda d: os.rename(d / "file", d / TOO_LONG),
    "rename of `.`": lambda d: os.rename(f"{d}/directory/.", d / "x"),
    "rename to `..`": lambda d: os.rename(d / "file", f"{d}/directory/.."),
    "rename NOREPLACE over a file": lambda d: renameat2(d / "file", d / "other", NOREPLACE),
    "rename EXCHANGE with what is not there": lambda d: renameat2(d / "file", d / "absent", EXCHANGE),
    "rename EXCHANGE of a file and a directory": _then(
        lambda d: renameat2(d / "file", d / "directory", EXCHANGE),
        lambda d: ((d / "directory").read_bytes(), os.listdir(d / "file")),
    ),
    "rename with both flags": lambda d: renameat2(d / "file", d / "other", EXCHANGE | NOREPLACE),
    "rmdir of `.`": lambda d: os.rmdir(f"{d}/empty/."),
    "rmdir of `..`": lambda d: os.rmdir(f"{d}/directory/.."),
    "symlink over what is there": lambda d: os.symlink("x", d / "file"),
    "symlink to an empty path": lambda d: os.symlink("", d / "new"),
    "symlink to 4,095 bytes": _then(
        lambda d: os.symlink("x" * 4095, d / "new"),
        lambda d: (len(os.readlink(d / "new")), (d / "new").lstat().st_size),
    ),
    "symlink to 4,096 bytes": lambda d: os.symlink("x" * 4096, d / "new"),
    "link over what is there": lambda d: os.link(d / "file", d / "other"),
    "truncate to less than nothing": lambda d: os.truncate(d / "file", -1),
    "truncate of a file open for reading": lambda d: _on_descriptor(d / "file", os.O_RDONLY),
    "truncate up makes zeros": _then(
        lambda d: os.truncate(d / "file", 20), lambda d: (d / "file").read_bytes()
    ),
    "utimensat leaves what it is told to": _then(
        _both(
            lambda d: os.utime(d / "file", ns=(5, 7)),
            lambda d: _utimensat(d / "file", (0, OMIT), (0, OMIT)),
        ),
        lambda d: (d / "file").stat().st_mtime_ns,
    ),
    "utimensat to before 1970": _then(
        lambda d: os.utime(d / "file", ns=(-1, -1_500_000_000)), lambda d: (d / "file").stat().st_mtime_ns
    ),
    "utimensat to after 2038": _then(
        lambda d: os.utime(d / "file", ns=(0, (1 << 33) * 10**9 + 3)),
        lambda d: (d / "file").stat().st_mtime_ns,
    ),
    "utimensat with too many nanoseconds": lambda d: _utimensat(d / "file", (0, 10**9), (0, 0)),
    "utimensat of now moves the time": _stamps(
        lambda d: _utimensat(d / "file", (0, NOW), (0, NOW)), "file", "directory"
    ),
    "times after a write": _stamps(lambda d: (d / "file").write_bytes(b"x"), "file", "directory"),
    "times after a truncation to the same size": _stamps(lambda d: os.truncate(d / "file", 11), "file"),
    "times after a truncation by descriptor": _stamps(
        lambda d: _on_descriptor(d / "file", os.O_WRONLY), "file"
    ),
    "times after chmod": _stamps(lambda d: os.chmod(d / "file", 0o600), "file"),
    "times after a file was made": _stamps(
        lambda d: (d / "directory" / "new").touch(), "directory", "directory/inner"
    ),
    "times after a directory was made": _stamps(lambda d: os.mkdir(d / "directory" / "new"), "directory"),
    "times after a symlink was made": _stamps(
        lambda d: os.symlink("x", d / "directory" / "new"), "directory"
    ),
    "times after a file was removed": _stamps(lambda d: os.unlink(d / "directory" / "inner"), "directory"),
    "times after a directory was removed": _stamps(
        lambda d: os.rmdir(d / "directory" / "below"), "directory", made="directory/below"
    ),
    "times after a file was moved": _stamps(
        lambda d: os.rename(d / "directory" / "inner", d / "empty" / "inner"), "directory", "empty"
    ),
    "times of what was moved": _then(
        _both(lambda d: os.utime(d / "file", ns=(1, 1)), lambda d: os.rename(d / "file", d / "new")),
        lambda d: (d / "new").stat().st_mtime_ns,
    ),
    "a removed file is read on": lambda d: _read_on(d / "file"),
}
"""By call and by the way it ends."""


def _on_descriptor(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.ftruncate(descriptor, 11)
    finally:
        os.close(descriptor)


def _read_on(path: Path) -> object:
    with open(path, "rb") as file:
        path.unlink()
        status = os.fstat(file.fileno())
        return file.read(), status.st_size, status.st_nlink, path.exists()


def ending(corner: Corner, directory: Path) -> object:
    """The name of the error that `corner` ends with, or what it saw."""
    seen: list[object] = []
    return outcome(lambda d: seen.append(corner(d)), directory) or seen[0]
