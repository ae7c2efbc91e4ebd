"""Copies of a store damaged at random: reading one gives what was written, or an error of ours, and nothing else.

    python -m store.testing.damage --copies 1000

Each copy is read in a process of its own, since LMDB trusts its pages: what it makes of a damaged one may end the
process.
"""

from __future__ import annotations

import argparse
import faulthandler
import os
import pickle
import random
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import store
from store.engine.pagefile import PageFile
from store.engine.pages import tree_record
from store.engine.sums import SUMMED
from store.testing.sample import everything, fill

PAGE = 4096
PATIENCE, LONGEST = 30, 600
"""Seconds of CPU, or of waiting, after which reading a copy counts as hanging."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A sound store's file, and what may get into it by mistake."""

    data: bytes
    older: bytes
    """The same store's file, some commits before."""
    other: bytes
    """Another store's."""
    gone_back: tuple[tuple[int, bytes], ...]
    """Where pages of tables lie whose records change in place, each with what the page of the same records said some
    commits before: what is there when the disk has lost a write.
    """
    answers: bytes
    """All that the store can be asked, pickled."""


Damage = Callable[[bytearray, Sample, random.Random], None]


def _page(data: bytes | bytearray, rng: random.Random) -> slice:
    at = rng.randrange(len(data) // PAGE) * PAGE
    return slice(at, at + PAGE)


def _flip_a_bit(data: bytearray, sample: Sample, rng: random.Random) -> None:
    data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def _zero_a_block(data: bytearray, sample: Sample, rng: random.Random) -> None:
    size = rng.choice((512, PAGE, 4 * PAGE))
    at = rng.randrange(len(data) // size) * size
    data[at : at + size] = bytes(size)


def _swap_pages(data: bytearray, sample: Sample, rng: random.Random) -> None:
    one, other = _page(data, rng), _page(data, rng)
    data[one], data[other] = data[other], data[one]


def _truncate(data: bytearray, sample: Sample, rng: random.Random) -> None:
    del data[rng.randrange(len(data)) :]


def _duplicate_a_page(data: bytearray, sample: Sample, rng: random.Random) -> None:
    data[_page(data, rng)] = data[_page(data, rng)]


def _page_of_another_store(data: bytearray, sample: Sample, rng: random.Random) -> None:
    where = _page(sample.other[: len(data)], rng)
    data[where] = sample.other[where]


def _stale_page(data: bytearray, sample: Sample, rng: random.Random) -> None:
    where = _page(sample.older, rng)
    data[where] = sample.older[where]


def _lose_a_write(data: bytearray, sample: Sample, rng: random.Random) -> None:
    at, page = rng.choice(sample.gone_back)
    data[at : at + PAGE] = page


def _swap_bytes(data: bytearray, sample: Sample, rng: random.Random) -> None:
    """As far apart as records are; within a page often two of them."""
    size, where = rng.choice((8, 32, 64)), _page(data, rng)
    one, other = (where.start + rng.randrange((PAGE - size) // 8) * 8 for _ in range(2))
    data[one : one + size], data[other : other + size] = data[other : other + size], data[one : one + size]


WAYS: dict[str, Damage] = {
    "a flipped bit": _flip_a_bit,
    "a zeroed block": _zero_a_block,
    "swapped pages": _swap_pages,
    "truncated": _truncate,
    "a duplicated page": _duplicate_a_page,
    "a page of another store": _page_of_another_store,
    "a stale page": _stale_page,
    "swapped records": _swap_bytes,
    "a lost write": _lose_a_write,
}


def make_sample(directory: Path) -> Sample:
    """Make the stores in `directory`; nothing of them is open afterwards."""
    with store.create(directory / "s") as data:
        fill(data)
    older = (directory / "s/data.mdb").read_bytes()
    (directory / "older").write_bytes(older)
    with store.open(directory / "s") as data:
        for number in range(5):
            with data.repo("trips").edit() as edit:
                edit.write(f"dir/{number}", b"new %d" % number)
        data.hand_over("weather", "service")
        data.pins.put(b"pin/1", data.repo("trips").commit().tree, b"note")
        data.shelf("jobs").put(b"a", b"3")
        answers = pickle.dumps(_told(data))
    with store.create(directory / "other") as data:
        fill(data)
        data.delete_repo("weather")
    gone_back = pages_gone_back(directory / "older", directory / "s/data.mdb")
    return Sample(
        (directory / "s/data.mdb").read_bytes(),
        older,
        (directory / "other/data.mdb").read_bytes(),
        tuple(each for pages in gone_back.values() for each in pages),
        answers,
    )


def pages_gone_back(older: Path, newer: Path) -> dict[bytes, list[tuple[int, bytes]]]:
    """By table of which there is a sum: where in the file `newer` a leaf of it lies, and what the same leaf said in
    `older`, a file of the same store of some commits before. With as many records, and where it says that it lies.
    """
    found: dict[bytes, list[tuple[int, bytes]]] = {}
    before, after = _leaves(older), _leaves(newer)
    for table in sorted(SUMMED):
        for (_, old), (number, new) in zip(before[table], after[table], strict=False):
            back = new[:8] + old[8:]
            if back != new and old[12:14] == new[12:14]:
                found.setdefault(table, []).append((number * PAGE, back))
    return found


def _leaves(path: Path) -> dict[bytes, list[tuple[int, bytes]]]:
    """The leaves of each table: number and bytes, in order of keys."""
    with PageFile(path) as file:
        nodes = [node for leaf in file.leaves(file.metas()[0].main) for node in file.nodes(file.page(leaf))]
        return {
            node.key: [(number, file.page(number)) for number in file.leaves(tree_record(node.data))]
            for node in nodes
        }


def _told(data: store.Store) -> str:
    return repr(everything(data))


def read_damaged(directory: Path, sample: Sample, way: str, seed: str) -> str:
    """Damage a copy, and read all of it in another process; how that went, in a word or two.

    "right", an error of ours, "wrong data", "hangs", a signal, or another error; "unseen" when reading raised Corrupt
    and the check finds nothing; "gone back" when what was read is not the last that was written, and the check says so.
    """
    data = bytearray(sample.data)
    WAYS[way](data, sample, random.Random(seed))
    copy = directory / "copy"
    copy.mkdir(exist_ok=True)
    (copy / "lock.mdb").unlink(missing_ok=True)
    (copy / "data.mdb").write_bytes(data)
    reading, writing = os.pipe()
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        os.close(reading)
        signal.setitimer(signal.ITIMER_PROF, PATIENCE)
        signal.alarm(LONGEST)
        faulthandler.disable()
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # LMDB's last words
        os.write(writing, _outcome(copy, pickle.loads(sample.answers)).encode()[:4096])  # noqa: S301 - our own
        os._exit(0)
    os.close(writing)
    with open(reading, "rb") as pipe:
        said = pipe.read().decode()
    status = os.waitpid(child, 0)[1]
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        return "hangs" if number in (signal.SIGALRM, signal.SIGPROF) else signal.Signals(number).name
    return said


def _outcome(copy: Path, answers: str) -> str:
    try:
        with store.open(copy) as data:
            try:
                answer = "right" if _told(data) == answers else _gone_back(data)
            except store.Corrupt as error:
                answer = _checked(data, error)
            return answer
    except store.StoreError as error:
        return type(error).__name__
    except BaseException as error:  # noqa: BLE001 - whatever it is, it is the answer
        return f"{type(error).__name__}: {error}"


def _gone_back(data: store.Store) -> str:
    return "gone back" if any(one.invariant == "I20" for one in data.check().problems) else "wrong data"


def _checked(data: store.Store, error: store.Corrupt) -> str:
    return "Corrupt" if data.check(read_data=True).problems else f"unseen: {error}"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m store.testing.damage", description=__doc__)
    parser.add_argument(
        "--copies", type=int, default=1000, help="copies for each kind of damage (default: %(default)s)"
    )
    parser.add_argument("--seed", type=int, help="repeat an earlier run")
    given = parser.parse_args()
    seed = random.SystemRandom().randrange(1 << 32) if given.seed is None else given.seed
    print(f"seed {seed}")
    with tempfile.TemporaryDirectory(prefix="damage-") as name:
        sample = make_sample(Path(name))
        for way in WAYS:
            found = Counter(
                read_damaged(Path(name), sample, way, f"{seed} {way} {number}")
                for number in range(given.copies)
            )
            print(f"{way}:", ", ".join(f"{count} {what}" for what, count in found.most_common()), flush=True)


if __name__ == "__main__":
    main()
