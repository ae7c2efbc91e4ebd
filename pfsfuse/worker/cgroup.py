"""Limits for everything that one launch runs: a control group, made before it and gone after it.

    version 2   <where>/pfs-<pid>-<n>                    memory.max, memory.swap.max, cpu.max, memory.events
    version 1   <memory>/…/pfs-<pid>-<n>, <cpu>/…/same   memory.limit_in_bytes, cpu.cfs_quota_us, memory.oom_control

A group lies below the one that this process is in, so that what limits pfs limits its datums too; under version 2,
where a group with processes of its own may have none with limits below, it lies at the top. Whether the controllers
can be used is a question of rights and of how the machine was set up, so it is answered by trying.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pfsfuse.worker.api import Limits

MOUNT = Path("/sys/fs/cgroup")
PERIOD_US = 100_000
NAMES = 1000
"""Names that are tried, of which others may be taken."""
ENTER = 'for group do shift; [ "$group" = -- ] && break; echo $$ > "$group/cgroup.procs" || exit 126; done; exec "$@"'
"""A shell that puts itself into groups and becomes what follows: nothing it starts can be outside, not for a moment."""


@dataclass(frozen=True, slots=True)
class Group:
    """The control groups of one launch; `remove` must be called when it has ended."""

    paths: tuple[Path, ...]
    limits: Limits

    def around(self, argv: Sequence[str]) -> list[str]:
        """The command line that runs `argv` inside."""
        return ["/bin/sh", "-c", ENTER, "sh", *map(str, self.paths), "--", *argv]

    def out_of_memory(self) -> bool:
        """Whether the kernel has killed a process of the launch because it wanted more memory than it may have."""
        for path in self.paths:
            for name in ("memory.events", "memory.oom_control"):
                with contextlib.suppress(OSError):
                    lines = (path / name).read_text().splitlines()
                    if any(line.startswith("oom_kill ") and line.split()[1] != "0" for line in lines):
                        return True
        return False

    def remove(self) -> None:
        """Let go of it. No process of it is alive any more."""
        for path in self.paths:
            with contextlib.suppress(OSError):
                path.rmdir()


class Groups:
    """Makes the groups of one worker."""

    def __init__(self, pid: int, *, mount: Path = MOUNT, own: str | None = None) -> None:
        """`own` is what /proc/self/cgroup says."""
        self._pid, self._mount, self._made = pid, mount, 0
        text = own if own is not None else Path("/proc/self/cgroup").read_text()
        self._own = dict(_line(line) for line in text.splitlines())

    def open_group(self, limits: Limits) -> Group | None:
        """A group with these limits; None when this machine lets us make none."""
        make = self._version_2 if (self._mount / "cgroup.controllers").exists() else self._version_1
        for _ in range(NAMES):
            self._made += 1
            try:
                return make(f"pfs-{self._pid}-{self._made}", limits)
            except FileExistsError:  # left by a worker of this pid, of another store or another namespace
                continue
            except OSError:
                break
        return None

    def _version_2(self, name: str, limits: Limits) -> Group:
        wanted = {"memory": limits.memory, "cpu": limits.cpu}
        enabling = " ".join(f"+{each}" for each, value in wanted.items() if value is not None)
        (self._mount / "cgroup.subtree_control").write_text(enabling)
        path = self._mount / name
        path.mkdir()
        group = Group((path,), limits)
        try:
            if limits.memory is not None:
                (path / "memory.max").write_text(str(limits.memory))
                with contextlib.suppress(OSError):  # a kernel without swap has no such file
                    (path / "memory.swap.max").write_text("0")
            if limits.cpu is not None:
                (path / "cpu.max").write_text(f"{round(limits.cpu * PERIOD_US)} {PERIOD_US}")
        except OSError:
            group.remove()
            raise
        return group

    def _version_1(self, name: str, limits: Limits) -> Group:
        paths: list[Path] = []
        try:
            if limits.memory is not None:
                path = self._below("memory", name, paths)
                (path / "memory.limit_in_bytes").write_text(str(limits.memory))
                with contextlib.suppress(OSError):  # a kernel that does not count swap has no such file
                    (path / "memory.memsw.limit_in_bytes").write_text(str(limits.memory))
            if limits.cpu is not None:
                path = self._below("cpu", name, paths)
                (path / "cpu.cfs_period_us").write_text(str(PERIOD_US))
                (path / "cpu.cfs_quota_us").write_text(str(round(limits.cpu * PERIOD_US)))
        except OSError:
            Group(tuple(paths), limits).remove()
            raise
        return Group(tuple(paths), limits)

    def _below(self, controller: str, name: str, paths: list[Path]) -> Path:
        path = self._mount / controller / self._own.get(controller, "/").lstrip("/") / name
        path.mkdir()
        paths.append(path)
        return path


def remove_stale(pid: int) -> None:
    """Remove the groups that a worker with this pid has left when it died."""
    places = [MOUNT, *(MOUNT / each / path.lstrip("/") for each, path in Groups(pid)._own.items() if each)]
    for place in places:
        for path in place.glob(f"pfs-{pid}-*"):
            with contextlib.suppress(OSError):
                path.rmdir()


def describe(limits: Limits) -> str:
    """The limits in words."""
    memory = [] if limits.memory is None else [f"memory ({limits.memory / (1 << 20):g} MiB)"]
    return " and ".join([*memory, *([] if limits.cpu is None else [f"cpu ({limits.cpu:g} cores)"])])


def _line(line: str) -> tuple[str, str]:
    """The controller of a line of /proc/self/cgroup, and the path of the group in it."""
    _, controllers, path = line.split(":", 2)
    return controllers.split(",")[0].removeprefix("name="), path
