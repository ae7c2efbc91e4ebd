"""`python -m pfsfuse.testing.kills`: kill a mount while programs write through it, and look for what is lost.

Threads make, replace, append to, overwrite, cut, move and remove files, and note what each file holds once the call
has returned; one more moves what was written into the store's drafts now and then. In the midst of that the mount is
killed, and the next one must show every file as it was noted. What was going on may have happened or not.
"""

from __future__ import annotations

import argparse
import errno
import os
import random
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import store
from pfsfuse.fuse import unmount
from pfsfuse.testing.mounted import Mounted, mounted

REPO = "trips"
WRITERS, FILES = 3, 6
CUT_OFF = {errno.ENOTCONN, errno.ECONNABORTED, errno.EIO}
"""What a program is told when its mount is gone."""


@dataclass(slots=True)
class Noted:
    """What one writer's files hold, as far as it was told."""

    seed: int
    contents: dict[str, bytes | None] = field(default_factory=dict)
    """None: there is no such file."""
    uncertain: set[str] = field(default_factory=set)
    """Files that something was being done to: whichever the kill has left."""
    changes: int = 0


class Lost(AssertionError):
    """Something that was acknowledged is not there."""


def campaign(
    directory: Path, kills: int, seed: int, report: Callable[[int], None] = lambda done: None
) -> int:
    """Kill mounts of a store in `directory`, an empty one; how many changes had been noted. Raises Lost."""
    where, chance = directory / "pfs", random.Random(seed)  # noqa: S311  # reproducible, not secret
    with store.create(directory / "store") as opened:
        opened.create_repo(REPO)
    writers = [Noted(number) for number in range(WRITERS)]
    for done in range(kills):
        with mounted(directory / "store", where, "--writable") as mount:
            for noted in writers:
                _check(mount.path / REPO, noted)
            _play(mount, writers, chance.randrange(1 << 32), chance.uniform(0.05, 0.5))
        unmount(where)
        report(done + 1)
    with mounted(directory / "store", where, "--writable") as mount:
        mount.stage()
        for noted in writers:
            _check(mount.path / REPO, noted)
    return sum(noted.changes for noted in writers)


def _play(mount: Mounted, writers: list[Noted], seed: int, seconds: float) -> None:
    """Write for so long, then kill the mount."""
    stop = threading.Event()
    threads = [
        threading.Thread(target=_write, args=(mount.path / REPO, noted, seed + noted.seed, stop))
        for noted in writers
    ]
    stager = threading.Thread(target=_stage, args=(mount, random.Random(seed)))  # noqa: S311
    for thread in (*threads, stager):
        thread.start()
    stop.wait(seconds)
    os.kill(mount.process.pid, signal.SIGKILL)
    stop.set()
    for thread in (*threads, stager):
        thread.join()
    mount.process.wait()
    assert mount.process.stdin is not None
    with suppress(BrokenPipeError):  # a command that was not read
        mount.process.stdin.close()


def _stage(mount: Mounted, chance: random.Random) -> None:
    try:
        while True:
            time.sleep(chance.uniform(0.02, 0.3))
            mount.stage()
    except (OSError, RuntimeError, ValueError):
        pass  # the mount's process was killed


def _write(branch: Path, noted: Noted, seed: int, stop: threading.Event) -> None:
    chance = random.Random(seed)  # noqa: S311
    try:
        while not stop.is_set():
            _change(branch, noted, chance)
    except OSError as error:
        if error.errno not in CUT_OFF:
            raise


def _change(branch: Path, noted: Noted, chance: random.Random) -> None:
    """One change, noted when it is done; uncertain until then."""
    name = f"{noted.seed}-{chance.randrange(FILES)}"
    other = f"{noted.seed}-{chance.randrange(FILES)}"
    held, path = noted.contents.get(name), branch / name
    act = chance.choice(ACTS)
    if (held is None and act is not _replace) or name == other:
        return
    touched = {name, other} if act is _move else {name}
    noted.uncertain |= touched
    after = act(path, held or b"", chance, branch / other)
    noted.contents[name] = after
    if act is _move:
        noted.contents[other] = held
    noted.uncertain -= touched
    noted.changes += 1


def _replace(path: Path, held: bytes, chance: random.Random, other: Path) -> bytes:
    content = chance.randbytes(chance.choice((0, 10, 5000, 70_000, 400_000)))
    fresh = path.with_name(path.name + ".new")
    with open(fresh, "wb") as file:
        file.write(content)
        os.fsync(file.fileno())
    os.rename(fresh, path)
    return content


def _append(path: Path, held: bytes, chance: random.Random, other: Path) -> bytes:
    more = chance.randbytes(chance.choice((1, 3000, 140_000)))
    with open(path, "ab") as file:
        file.write(more)
    return held + more


def _overwrite(path: Path, held: bytes, chance: random.Random, other: Path) -> bytes:
    at, data = chance.randrange(len(held) + 1), chance.randbytes(chance.choice((1, 500, 9000)))
    with open(path, "r+b", buffering=0) as file:
        file.seek(at)
        data = data[: file.write(data)]  # less, when the mount was killed within it
    return held[:at] + data + held[at + len(data) :]


def _cut(path: Path, held: bytes, chance: random.Random, other: Path) -> bytes:
    size = chance.randrange(len(held) + 5000)
    os.truncate(path, size)
    return held[:size].ljust(size, b"\0")


def _move(path: Path, held: bytes, chance: random.Random, other: Path) -> None:
    os.rename(path, other)


def _remove(path: Path, held: bytes, chance: random.Random, other: Path) -> None:
    os.unlink(path)


ACTS = (_replace, _append, _overwrite, _cut, _move, _remove)


def _check(branch: Path, noted: Noted) -> None:
    """Raise Lost unless the files are as noted; an uncertain one is from here on what it is."""
    for number in range(FILES):
        name = f"{noted.seed}-{number}"
        found = (branch / name).read_bytes() if (branch / name).exists() else None
        if name in noted.uncertain:
            noted.contents[name] = found
        elif found != noted.contents.get(name):
            raise Lost(f"{name}: {_difference(noted.contents.get(name), found)}")
    noted.uncertain.clear()


def _difference(noted: bytes | None, found: bytes | None) -> str:
    if noted is None or found is None:
        return "it is there" if noted is None else "it is not there"
    differ = [at for at, (one, other) in enumerate(zip(noted, found, strict=False)) if one != other]
    where = f", which differ from {differ[0]} to {differ[-1] + 1}" if differ else ""
    return f"{len(noted)} bytes were noted, {len(found)} are there{where}"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m pfsfuse.testing.kills", description=__doc__)
    parser.add_argument("--kills", type=int, default=500, help="mounts to kill (default: %(default)s)")
    parser.add_argument("--seed", type=int, help="the work of an earlier run; its moments are the machine's")
    given = parser.parse_args()
    seed = random.SystemRandom().randrange(1 << 32) if given.seed is None else given.seed
    print(f"seed {seed}", flush=True)
    begin = time.monotonic()

    def report(done: int) -> None:
        if sys.stderr.isatty():
            print(f"\r{done} of {given.kills}", end="", file=sys.stderr, flush=True)

    # On a failure the directory stays, to be looked at.
    directory = tempfile.mkdtemp(prefix="kills-")
    changes = campaign(Path(directory), given.kills, seed, report)
    print(
        f"{given.kills} mounts killed, {changes:,} changes noted, none lost; {time.monotonic() - begin:.0f} s"
    )
    shutil.rmtree(directory)


if __name__ == "__main__":
    main()
