"""What Hypothesis draws: names, paths, entries and sets of changes, with the hard cases made likely."""

from __future__ import annotations

import stat

from hypothesis import strategies as st

from store.ids import ObjectId, digest
from store.records import Entry
from store.tree.split import TARGET

COMMON = (b"a", b"b", b"c.csv", b"\xff\xfe", b"-rf", b"@", b"a:b", b"new\nline", b"\xe2\x82\xac", b"x" * 255)
"""Names that come up again and again, so that edits meet; each is hostile to somebody."""


def is_name(raw: bytes) -> bool:
    """Whether a directory may hold this name."""
    return 0 < len(raw) < 256 and raw not in (b".", b"..") and b"/" not in raw and b"\0" not in raw


def file_names() -> st.SearchStrategy[bytes]:
    """Names of files and directories."""
    return st.sampled_from(COMMON) | st.binary(min_size=1, max_size=12).filter(is_name)


def paths(depth: int = 3) -> st.SearchStrategy[bytes]:
    """Paths of up to `depth` of the common names."""
    return st.lists(st.sampled_from(COMMON), min_size=1, max_size=depth).map(b"/".join)


def contents() -> st.SearchStrategy[bytes]:
    """A file's bytes: nothing, a little, or enough for a few chunks."""
    seeds = st.integers(0, 3)
    sizes = st.sampled_from((16 << 10, (16 << 10) - 1, 70_000, 300_000))
    return st.binary(max_size=20) | st.builds(pseudo_random, seeds, sizes)


def pseudo_random(seed: int, size: int) -> bytes:
    """`size` bytes that look random and are the same on every machine and for ever."""
    parts = [digest(b"%d %d" % (seed, index)) for index in range(-(-size // 32))]
    return b"".join(parts)[:size]


def file_entry(name: bytes, content: int = 0, *, mode: int = 0o644, mtime_ns: int = 0) -> Entry:
    """A file's entry without a file behind it."""
    return Entry(name, stat.S_IFREG | mode, mtime_ns, 4, ObjectId.of(b"%d" % content))


def ends_nodes(name: bytes, levels: int) -> bool:
    """Whether the name's digest asks for a boundary on each of the first `levels` levels."""
    raw = digest(name)
    return all(int.from_bytes(raw[2 * at : 2 * at + 2], "big") % TARGET == 0 for at in range(levels))


ENDING = tuple(
    b"%d" % number
    for number in (
        38267,
        68647,
        88428,
        119572,
        134108,
        157824,
        177386,
        178790,
        179601,
        212930,
        215522,
        230225,
        231600,
        233446,
        236404,
        254555,
        288250,
        294376,
        303377,
        305164,
        320610,
        405110,
        446842,
        454093,
        461606,
        488621,
        488866,
        497759,
        532054,
        539489,
        596384,
        607623,
        608596,
        694856,
        700442,
        709943,
        718266,
        736556,
        739576,
        748547,
        750446,
        750831,
        781733,
        791963,
        794390,
        813150,
        820992,
        833417,
        843776,
        846592,
        885766,
        927980,
        938918,
        965848,
        969452,
        978097,
        987409,
        1004264,
        1027257,
        1028376,
        1069872,
        1083485,
        1115315,
        1115451,
    )
)
"""Names, found by search, that ask for a boundary on levels 0 and 1: 2 entries make a leaf, 2 leaves a node, …"""
PLAIN = tuple(name for number in range(4200) if not ends_nodes(name := b"n%04d" % number, 1))
"""Names that never ask for a boundary: only the bound on a node's size cuts them."""


def directories() -> st.SearchStrategy[dict[bytes, Entry]]:
    """Directories from empty to three levels of nodes."""
    several = st.sets(st.sampled_from(ENDING)) | st.sets(st.sampled_from(ENDING + PLAIN[:60]), max_size=80)
    few = st.sets(file_names(), max_size=5)
    names = st.builds(lambda *parts: set().union(*parts), several, few, _runs())
    return st.builds(_filled, names, st.integers(0, 2))


def changes() -> st.SearchStrategy[dict[bytes, Entry | None]]:
    """Changes to such directories; None removes."""
    names = (
        st.sampled_from(ENDING) | st.sampled_from(ENDING + PLAIN[:60]) | file_names() | st.sampled_from(PLAIN)
    )
    some = st.dictionaries(names, st.none() | st.integers(0, 3), max_size=25)
    swept = st.builds(lambda names: dict.fromkeys(names), _runs() | st.sets(st.sampled_from(ENDING)))
    return st.builds(_changed, some, swept)


def _runs() -> st.SearchStrategy[set[bytes]]:
    """Now and then a long run of plain names, which the bound on a node's size must cut."""
    run = st.tuples(st.integers(0, 500), st.sampled_from((200, 1023, 1024, 1025, 3000)))
    return st.just(set[bytes]()) | run.map(lambda pair: set(PLAIN[pair[0] : pair[0] + pair[1]]))


def _filled(names: set[bytes], content: int) -> dict[bytes, Entry]:
    return {name: file_entry(name, content) for name in names}


def _changed(some: dict[bytes, int | None], swept: dict[bytes, None]) -> dict[bytes, Entry | None]:
    drawn = {name: None if value is None else file_entry(name, value) for name, value in some.items()}
    return {**swept, **drawn}
