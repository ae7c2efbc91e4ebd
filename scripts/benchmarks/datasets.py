"""Data sets, the same on every machine: made from seeds, one directory each, once.

big        one file of 1 GiB: 4 MiB of table and 4 MiB of noise in turn, so half of it compresses
text       one file of 1 GiB of table, all of which compresses
noise      one file of 1 GiB of noise, none of which does
csv        400 tables of 1 to 2 MB
small      20,000 files of JSON of 1 to 8 KiB in 200 directories, alike in shape
wide       one directory of 100,000 files of a few bytes, every second one empty
versions   64 files of 4 MiB, half tables and half noise; `step` edits a tenth of them a little
"""

from __future__ import annotations

import json
import random
import shutil
import struct
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

KIB, MIB, MB = 1 << 10, 1 << 20, 10**6
SITES = ("north", "south", "harbour", "airport", "station", "museum", "bridge", "market")
LEVELS = ("ok", "ok", "ok", "low", "high", "late", "void", "test")
HEADING = b"id,time,site,temperature,ratio,count,level\n"
ROWS_AT_ONCE = 4096
REVISION = "1"
"""To be changed with anything below, so that data of before is made anew."""


def table(random_: random.Random, rows: int, first: int) -> bytes:
    """`rows` lines as a sensor writes them: counters, times, a walking float, a category, and digits that do not
    compress.
    """
    temperature = 15.0
    lines = []
    for number, bits in enumerate(struct.unpack(f"<{rows}Q", random_.randbytes(8 * rows)), first):
        temperature += (bits % 201 - 100) / 900
        lines.append(
            f"{number},{1_469_900_000 + 10 * number},{SITES[bits >> 8 & 7]},{temperature:.3f},"
            f"0.{bits >> 11 & 0xFFFFF:07d},{bits >> 31 & 0xFFFFF},{LEVELS[bits >> 51 & 7]}"
        )
    return ("\n".join(lines) + "\n").encode()


def tables(random_: random.Random, size: int, first: int = 0) -> bytes:
    """Exactly `size` bytes of table."""
    parts: list[bytes] = []
    have = 0
    while have < size:
        parts.append(table(random_, ROWS_AT_ONCE, first))
        first += ROWS_AT_ONCE
        have += len(parts[-1])
    return b"".join(parts)[:size]


def _stretches(kinds: str, size: int, seed: str) -> Iterator[bytes]:
    """`size` bytes in stretches of 4 MiB, of the `kinds` in turn: t for table, n for noise."""
    random_ = random.Random(seed)
    for at in range(0, size, 4 * MIB):
        length = min(4 * MIB, size - at)
        text = kinds[at // (4 * MIB) % len(kinds)] == "t"
        yield tables(random_, length, at // 16) if text else random_.randbytes(length)


def _one_file(kinds: str, seed: str) -> Callable[[Path, bool], None]:
    def make(where: Path, quick: bool) -> None:
        with open(where / f"{seed}.bin", "wb") as out:
            out.writelines(_stretches(kinds, (16 * MIB if quick else 1 << 30), seed))

    return make


def _csv(where: Path, quick: bool) -> None:
    for number in range(8 if quick else 400):
        random_ = random.Random(f"csv {number}")
        body = tables(random_, random_.randrange(MB, 2 * MB), number * 100_000)
        (where / f"day-{number:03d}.csv").write_bytes(HEADING + body[: body.rindex(b"\n") + 1])


def _small(where: Path, quick: bool) -> None:
    for folder in range(4 if quick else 200):
        (where / f"group-{folder:03d}").mkdir()
        for number in range(100):
            random_ = random.Random(f"small {folder} {number}")
            size = random_.randrange(KIB, 8 * KIB)
            record = {
                "name": f"{folder}.{number}",
                "samples": [round(random_.random(), 6) for _ in range(size // 10)],
            }
            (where / f"group-{folder:03d}" / f"sample-{number:02d}.json").write_bytes(
                json.dumps(record).encode()[:size]
            )


def _wide(where: Path, quick: bool) -> None:
    for number in range(1_000 if quick else 100_000):
        with open(where / f"row-{number:06d}.txt", "wb", buffering=0) as out:
            if number % 2:
                out.write(b"count %d\n" % number)


def _versions(where: Path, quick: bool) -> None:
    for number in range(16 if quick else 64):
        random_, size = random.Random(f"versions {number}"), 256 * KIB if quick else 4 * MIB
        if number % 2:
            (where / f"image-{number:02d}.bin").write_bytes(random_.randbytes(size))
        else:
            (where / f"table-{number:02d}.csv").write_bytes(tables(random_, size, number * 100_000))


MAKERS: dict[str, Callable[[Path, bool], None]] = {
    "big": _one_file("tn", "big"),
    "text": _one_file("t", "text"),
    "noise": _one_file("n", "noise"),
    "csv": _csv,
    "small": _small,
    "wide": _wide,
    "versions": _versions,
}


def made(data: Path, name: str, *, quick: bool) -> Path:
    """The directory of a data set, made if it is not there. Not to be changed by whoever reads it."""
    where = data / (f"{name}-quick" if quick else name)
    stamp = where.with_name(where.name + ".made")
    if not (stamp.exists() and stamp.read_text() == REVISION):
        shutil.rmtree(where, ignore_errors=True)
        where.mkdir(parents=True)
        MAKERS[name](where, quick)
        stamp.write_text(REVISION)
    return where


def step(where: Path, number: int) -> int:
    """Turn version `number` - 1 of the files in `where` into the next one; how many bytes were written anew.

    A tenth of the files get some lines inserted in the middle, some bytes overwritten, and some lines appended.
    """
    random_ = random.Random(f"step {number}")
    names = sorted(path.name for path in where.iterdir())
    fresh = 0
    for name in random_.sample(names, max(1, len(names) // 10)):
        data = bytearray((where / name).read_bytes())
        inserted = table(random_, random_.randrange(1, 40), number * 1_000_000)
        middle = random_.randrange(len(data) // 4, 3 * len(data) // 4)
        data[middle:middle] = inserted
        patch = random_.randbytes(random_.randrange(16, 512))
        at = random_.randrange(len(data) - len(patch))
        data[at : at + len(patch)] = patch
        appended = table(random_, random_.randrange(10, 400), number * 2_000_000)
        (where / name).write_bytes(data + appended)
        fresh += len(inserted) + len(patch) + len(appended)
    return fresh


def size_of(where: Path) -> int:
    """Bytes of all files below."""
    return sum(path.stat().st_size for path in where.rglob("*") if path.is_file())


if __name__ == "__main__":
    made(Path(sys.argv[1]), sys.argv[2], quick=sys.argv[3] == "quick")
