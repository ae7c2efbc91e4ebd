"""What is measured beside our mount: the disk itself, and others who mount the same files.

Each shows the data sets as directories of their names. `restart` is what makes a reader cold: the program that serves
the mount is started anew, and the kernel drops what it has cached.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from scripts.benchmarks.bench import Bench, say
from scripts.benchmarks.peers import PFS
from scripts.benchmarks.process import run

SETS = ("big", "csv", "small", "wide")
DROP = Path("/proc/sys/vm/drop_caches")
Sets = dict[str, Path]
Names = dict[str, list[Path]]
PATIENCE = 30.0
"""Seconds for a mount to appear or to go."""
SETTLE = 0.3
"""Seconds after a mount has appeared, for those that set it up afterwards."""


@dataclass(slots=True)
class Mounted:
    """Somebody who shows the data sets."""

    name: str
    sets: dict[str, Path]
    """The directory of each data set."""
    names: dict[str, list[Path]]
    """The files of each, below its directory: found on the disk, for listing them would warm a mount."""
    mountpoint: Path | None = None
    start: Callable[[], object] = lambda: None
    """Mounts, and returns once it answers."""

    def files(self, name: str) -> list[Path]:
        """The files of a data set."""
        return [self.sets[name] / path for path in self.names[name]]

    def stop(self) -> None:
        if self.mountpoint is None or not os.path.ismount(self.mountpoint):
            return
        until = time.monotonic() + PATIENCE
        while subprocess.run(["umount", self.mountpoint], capture_output=True, check=False).returncode:
            if time.monotonic() > until:
                raise RuntimeError(f"{self.mountpoint} cannot be unmounted")
            time.sleep(0.05)

    def restart(self) -> None:
        """Begin anew, with nothing cached anywhere in this machine."""
        self.stop()
        self.start()
        drop_caches()


def drop_caches() -> None:
    os.sync()
    try:
        DROP.write_text("3")
    except OSError as error:
        raise RuntimeError(f"cold rows need root: {error}") from None


@contextmanager
def all_mounted(bench: Bench) -> Iterator[dict[str, Mounted]]:
    """Everybody who is installed, mounted until the block ends; by name, the disk and us first."""
    sets = {name: bench.dataset(name) for name in SETS}
    names = {name: _names(where) for name, where in sets.items()}
    found = {"ext4": Mounted("ext4", sets, names)}
    try:
        makers = (_ceiling, _bindfs, _squashfuse, _restic)
        others = [made for make in makers if (made := make(bench, sets, names)) is not None]
        for mounted in (*_ours(bench, sets, names), *others):
            found[mounted.name] = mounted
            mounted.start()
        yield found
    finally:
        for mounted in found.values():
            mounted.stop()


@contextmanager
def all_writable(bench: Bench) -> Iterator[dict[str, Mounted]]:
    """Who can be written to, in the directory called "draft", mounted until the block ends; we come first."""
    store, at = bench.fresh() / "store", bench.fresh()
    pfs = [*PFS, "--store", store]
    run([*pfs, "repo", "create", "data"])
    ours = Mounted("pfs", {"draft": at / "data"}, {}, at, lambda: run([*pfs, "mount", at]))
    found = [ours, Mounted("ext4", {"draft": bench.fresh()}, {})]
    if shutil.which("bindfs") is not None:
        bound, shown = bench.fresh(), bench.fresh()
        found.append(_served("bindfs", bound, {"draft": bound}, {}, ["bindfs", "-f", shown, bound]))
    try:
        for mounted in found:
            mounted.start()
        yield {mounted.name: mounted for mounted in found}
    finally:
        for mounted in found:
            mounted.stop()


def _names(where: Path) -> list[Path]:
    found = [Path(folder, name) for folder, _, names in os.walk(where) for name in names]
    return sorted(path.relative_to(where) for path in found)


def _ours(bench: Bench, sets: Sets, names: Names) -> tuple[Mounted, ...]:
    """The mount as it is, and read-only, where files are read without being opened."""
    store = bench.fresh() / "store"
    pfs = [*PFS, "--store", store]
    run([*pfs, "repo", "create", "data"])
    say("a store of all data sets")
    for name, where in sets.items():
        run([*pfs, "put", "-r", where, f"data:{name}"])

    def mounted(name: str, *options: str) -> Mounted:
        at = bench.fresh()
        shown = {each: at / f"data@master.{len(sets)}" / each for each in sets}
        return Mounted(name, shown, names, at, lambda: run([*pfs, "mount", at, *options]))

    return mounted("pfs"), mounted("pfs --read-only", "--read-only")


def _served(
    name: str,
    at: Path,
    sets: Sets,
    names: Names,
    command: Sequence[str | Path],
    env: dict[str, str] | None = None,
) -> Mounted:
    """Somebody whose program serves `at` for as long as it runs."""

    def start() -> None:
        subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, **(env or {})}
        )
        until = time.monotonic() + PATIENCE
        while not os.path.ismount(at):
            if time.monotonic() > until:
                raise RuntimeError(f"{name} does not mount")
            time.sleep(0.01)
        time.sleep(SETTLE)

    return Mounted(name, sets, names, at, start)


def _below(at: Path, sets: Sets) -> Sets:
    return {each: at / where.name for each, where in sets.items()}


def _ceiling(bench: Bench, sets: Sets, names: Names) -> Mounted | None:
    at = bench.fresh()
    try:
        run([sys.executable, "-c", "import pyfuse3"])
    except RuntimeError:
        say("pyfuse3 is not installed (pip builds it, with libfuse3-dev and pkg-config); there is no ceiling")
        return None
    command = [sys.executable, "-m", "scripts.benchmarks.ceiling", bench.data, at]
    return _served("ceiling", at, _below(at, sets), names, command)


def _bindfs(bench: Bench, sets: Sets, names: Names) -> Mounted | None:
    at = bench.fresh()
    if shutil.which("bindfs") is None:
        say("bindfs is not installed; it is left out")
        return None
    return _served("bindfs", at, _below(at, sets), names, ["bindfs", "-f", "-r", bench.data, at])


def _squashfuse(bench: Bench, sets: Sets, names: Names) -> Mounted | None:
    at = bench.fresh()
    if shutil.which("squashfuse_ll") is None or shutil.which("mksquashfs") is None:
        say("squashfuse_ll or mksquashfs is not installed; it is left out")
        return None
    image = bench.data / ("data-quick.squashfs" if bench.quick else "data.squashfs")
    if not image.exists():
        say("an image for squashfuse_ll")
        half = image.with_suffix(".half")
        run(["mksquashfs", *sets.values(), half, "-comp", "zstd", "-Xcompression-level", "3", "-noappend"])
        half.rename(image)
    return _served("squashfuse_ll", at, _below(at, sets), names, ["squashfuse_ll", "-f", image, at])


def _restic(bench: Bench, sets: Sets, names: Names) -> Mounted | None:
    """The fastest of those that store files once, however often they are put, and mount them."""
    at = bench.fresh()
    if shutil.which("restic") is None:
        say("restic is not installed; it is left out")
        return None
    repository = bench.data / ("restic-quick" if bench.quick else "restic")
    env = {
        "RESTIC_REPOSITORY": str(repository),
        "RESTIC_PASSWORD": "bench",
        "RESTIC_CACHE_DIR": f"{at}.cache",
    }
    if not repository.exists():
        say("a repository for restic")
        run(["restic", "init", "-q"], env)
        run(["restic", "backup", "-q", *(sets[name] for name in ("big", "csv"))], env)
    latest = at / "snapshots/latest"
    shown = {name: latest / where.relative_to("/") for name, where in sets.items()}
    return _served("restic", at, shown, names, ["restic", "mount", at], env)
