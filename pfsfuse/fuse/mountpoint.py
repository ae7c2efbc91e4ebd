"""The mountpoint before and after: is it fit to be mounted on, and taking the mount away again."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pfsfuse.errors import MountError
from pfsfuse.fuse.kernel.device import may_mount
from pfsfuse.fuse.mountinfo import TYPE, mount_at, real_path

DEVICE = Path("/dev/fuse")
MNT_DETACH = 2
ANSWER_SECONDS = 5.0
"""How long a mount may take to answer before it counts as hung."""

_libc = ctypes.CDLL(None, use_errno=True)


def prepare_mountpoint(path: str | os.PathLike[str]) -> Path:
    """An empty directory, ready to be mounted on, as a real path; MountError says what else it is, and what to do.

    Makes the directory when it is missing, and takes away a mount of ours whose process has died.
    """
    where = _checked(real_path(path))
    _check_machine()
    _clear(where)
    try:
        where.mkdir(exist_ok=True)
        names = os.listdir(where)
    except FileExistsError:
        raise MountError(f"{where} is not a directory", hint="choose another mountpoint") from None
    except OSError as error:
        raise MountError(
            f"mountpoint {where} cannot be made: {error.strerror}",
            hint=f"`sudo install -d -o {os.getuid()} {where}`, or choose a directory of your own",
        ) from None
    if names:
        raise MountError(f"mountpoint {where} is not empty", hint="mount on an empty directory")
    if not os.access(where, os.W_OK) and not may_mount():
        raise MountError(
            f"mountpoint {where} belongs to somebody else", hint="choose a directory of your own"
        )
    return where


@contextmanager
def alone(where: Path) -> Iterator[None]:
    """For the length of a block nobody else of ours mounts at the directory `where`: mount(2) itself would put the
    second mount over the first. MountError when somebody is about to.
    """
    descriptor = os.open(where, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with suppress(OSError):  # a disk that knows no locks: nobody is kept out there
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise MountError(
                    f"something else is being mounted at {where}",
                    hint="`findmnt -t fuse.pfs` lists what is mounted",
                ) from None
        yield
    finally:
        os.close(descriptor)


def unmount(path: str | os.PathLike[str]) -> None:
    """Take our mount at `path` away. MountError when there is none, or when it is in use (by whom)."""
    where = real_path(path)
    mounted = mount_at(where) or mount_at(where.resolve() if _answers(where) is None else where)
    if mounted is None or mounted.type != TYPE:
        raise MountError(f"nothing of ours is mounted at {where}", hint="`findmnt -t fuse.pfs` lists what is")
    dead = _answers(mounted.path) == errno.ENOTCONN
    if failed := take_away(mounted.path, lazy=dead):
        users = users_of(mounted.path)
        raise MountError(
            f"{where} cannot be unmounted: {failed}" + (f"; in use by {', '.join(users)}" if users else ""),
            hint="end these programs, or leave the directory, and try again" if users else "",
        )


def detach(path: str | os.PathLike[str]) -> None:
    """Take our mount at `path` out of the way though it is in use; who uses it goes on. MountError."""
    where = real_path(path)
    if failed := take_away(where, lazy=True):
        raise MountError(f"{where} cannot be unmounted: {failed}")


def _checked(where: Path) -> Path:
    """`where` with a symlink at its end followed, unless a mount of ours is there."""
    if mount_at(where) is None and where.is_symlink():
        return real_path(os.path.realpath(where))
    return where


def _check_machine() -> None:
    if not DEVICE.exists():
        raise MountError(
            "there is no /dev/fuse", hint="`modprobe fuse`, or give the container --device /dev/fuse"
        )
    if not os.access(DEVICE, os.R_OK | os.W_OK):
        raise MountError("/dev/fuse may not be used by this user", hint="ask for mode 0666, the usual one")
    if not may_mount() and shutil.which("fusermount3") is None:
        raise MountError("there is no fusermount3", hint="`apt install fuse3`, or mount as root")


def _clear(where: Path) -> None:
    """Take away what a crash of ours left at `where`; MountError for a mount that lives."""
    while (mounted := mount_at(where)) is not None:
        ours = mounted.type == TYPE
        answer = _answers(where) if ours else None
        if answer != errno.ENOTCONN:
            state = "" if answer is None else f" ({os.strerror(answer)})"
            what = f"the store {mounted.source}" if ours else f"{mounted.source} ({mounted.type})"
            raise MountError(
                f"{where} is a mountpoint already: {what}{state}",
                hint=f"`pfs umount {where}`" if ours else "choose another mountpoint",
            )
        if failed := take_away(where):
            raise MountError(
                f"the dead mount at {where} cannot be taken away: {failed}", hint=f"`umount -l {where}`"
            )


def _answers(where: Path) -> int | None:
    """None when the mount at `where` answers, else the errno; ETIMEDOUT when it does not return.

    Asked with statfs, for the kernel answers a stat of a dead mount from its caches.
    """
    result: list[int | None] = [errno.ETIMEDOUT]

    def ask() -> None:
        try:
            os.statvfs(where)
            result[0] = None
        except OSError as error:
            result[0] = error.errno

    thread = threading.Thread(target=ask, daemon=True, name="statfs of a mountpoint")
    thread.start()
    thread.join(ANSWER_SECONDS)
    return result[0]


def take_away(where: Path, *, lazy: bool = True) -> str:
    """Unmount what is at `where`, at once or (lazily) when nobody uses it any more; why it failed, or ""."""
    if may_mount():
        if _libc.umount2(os.fsencode(where), MNT_DETACH if lazy else 0) == 0:
            return ""
        return os.strerror(ctypes.get_errno()).lower()
    if shutil.which("fusermount3") is None:
        return "there is no fusermount3"
    command = ["fusermount3", "-u", *(["-z"] if lazy else []), "--", str(where)]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return ""
    return done.stderr.strip().rpartition(": ")[2].lower() or "fusermount3 failed"


def users_of(path: str | os.PathLike[str], *, limit: int = 8) -> list[str]:
    """Processes that stand in the mount at `path` or hold a file of it open: "name (pid)", those we may look at.

    Not those of other mount namespaces, to which the path means something else.
    """
    users = []
    inside = f"{real_path(path)}/"
    ours = os.readlink("/proc/self/ns/mnt")
    for process in Path("/proc").iterdir():
        if not process.name.isdigit() or process.name == str(os.getpid()):
            continue
        try:
            if os.readlink(process / "ns" / "mnt") != ours:
                continue
            links = [process / "cwd", process / "root", *(process / "fd").iterdir()]
            if any(f"{os.readlink(link)}/".startswith(inside) for link in links if link.is_symlink()):
                users.append(f"{(process / 'comm').read_text().strip()} ({process.name})")
        except OSError:
            continue
    return users[:limit] + (["…"] if len(users) > limit else [])
