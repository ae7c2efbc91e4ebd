"""A mount namespace of our own, mounts in it, and the wish to die with our parent: system calls through ctypes.

`os.unshare` exists from Python 3.12 on; this package runs on 3.11. Everything here must happen before the
process has a second thread: the kernel refuses a new user namespace to a process with several, and a new
mount namespace would hold for one thread only.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
from pathlib import Path

from pfsfuse.errors import JobError

CLONE_NEWNS = 0x0002_0000
CLONE_NEWUSER = 0x1000_0000
MS_NOSUID = 0x2
MS_NOEXEC = 0x8
MS_REC = 0x4000
MS_SLAVE = 1 << 19
MS_BIND = 0x1000
MS_SHARED = 1 << 20
MS_REMOUNT = 0x20
MNT_DETACH = 2
PR_SET_PDEATHSIG = 1

_libc = ctypes.CDLL(None, use_errno=True)


def die_with_parent(parent: int) -> None:
    """Have the kernel kill this process when the thread that started it ends.

    `parent` is the pid that the caller was started by: when it is gone already, the signal would never
    come, so this exits at once.
    """
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def enter_private_mounts() -> None:
    """Give this process a mount namespace of its own; without root also a user namespace, same ids inside.

    Mounts made from here on are seen by this process and its children only and vanish with the last of
    them, however they die. Propagation becomes *slave*, not private: an unmount on the host still reaches
    the copy here, which would otherwise keep a mount alive that its owner believes to be gone.
    Raises JobError when the kernel refuses.
    """
    uid, gid = os.geteuid(), os.getegid()
    flags = CLONE_NEWNS if uid == 0 else CLONE_NEWNS | CLONE_NEWUSER
    if _libc.unshare(flags) != 0:
        raise JobError(
            f"no private mount namespace for a worker: {os.strerror(ctypes.get_errno())}",
            hint="run as root, or allow user namespaces (`sysctl kernel.unprivileged_userns_clone=1`)",
        )
    if flags & CLONE_NEWUSER:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1")
        Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1")
    if _libc.mount(None, b"/", None, MS_REC | MS_SLAVE, None) != 0:
        raise JobError(f"mount propagation cannot be changed: {os.strerror(ctypes.get_errno())}")
    for mountpoint in pfs_mounts():
        # Root may drop its copies; in a user namespace inherited mounts are locked (EINVAL) and the
        # sandbox hides them instead.
        _libc.umount2(os.fsencode(mountpoint), MNT_DETACH)


def mount_tmpfs(path: Path) -> None:
    """An empty file system at `path`, for this process and its children. Raises OSError."""
    _mount(b"tmpfs", path, b"tmpfs", 0, b"mode=0755")


def mount_devpts(path: Path) -> None:
    """Pseudo-terminals of their own at `path`. Raises OSError."""
    _mount(b"devpts", path, b"devpts", MS_NOSUID | MS_NOEXEC, b"newinstance,ptmxmode=0666,mode=620")


def bind(source: Path, path: Path) -> None:
    """Show `source`, with all that is mounted in it, at `path` too. Raises OSError."""
    _mount(os.fsencode(source), path, None, MS_BIND | MS_REC, None)


def seal(path: Path, *, devices: bool = False) -> None:
    """Make what is mounted at `path` read-only, without setuid programs and, unless they are wanted, devices; left as
    it is where that may not be changed (in a user namespace, say)."""
    with contextlib.suppress(OSError):
        kept = os.statvfs(path).f_flag & (os.ST_NOEXEC | os.ST_NOATIME | os.ST_NODIRATIME | os.ST_RELATIME)
        mine = (
            os.ST_RDONLY | os.ST_NOSUID | (0 if devices else os.ST_NODEV)
        )  # the numbers are those of mount(2)
        _mount(None, path, None, MS_BIND | MS_REMOUNT | mine | _as_mounted(kept), None)


def share(path: Path) -> None:
    """Let what is mounted below `path`, a mountpoint, from now on be seen in namespaces that copy it, too."""
    _mount(None, path, None, MS_SHARED, None)


def detach(path: Path) -> None:
    """Take what is mounted at `path` away, whoever still uses it; without effect when there is nothing."""
    _libc.umount2(os.fsencode(path), MNT_DETACH)


def mounts_below(path: Path) -> list[Path]:
    """The mountpoints at `path` and below, outermost first."""
    lines = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    points = (Path(_unescape(line.split(" ")[4])) for line in lines)
    return [point for point in points if point.is_relative_to(path)]


def _mount(source: bytes | None, path: Path, kind: bytes | None, flags: int, data: bytes | None) -> None:
    if _libc.mount(source, os.fsencode(path), kind, flags, data) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), str(path))


def _as_mounted(flags: int) -> int:
    """What statvfs says, as mount takes it: `relatime` has another number there."""
    relatime = 1 << 21
    return (flags & ~os.ST_RELATIME) | (relatime if flags & os.ST_RELATIME else 0)


def pfs_mounts() -> list[str]:
    """The mountpoints of every pfs mount this process can see, innermost last."""
    lines = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    return [
        _unescape(line.split(" ")[4]) for line in lines if line.partition(" - ")[2].startswith("fuse.pfs ")
    ]


def _unescape(text: str) -> str:
    """A path of mountinfo, in which space, tab, newline and backslash are octal."""
    for code, plain in ((r"\040", " "), (r"\011", "\t"), (r"\012", "\n"), (r"\134", "\\")):
        text = text.replace(code, plain)
    return text
