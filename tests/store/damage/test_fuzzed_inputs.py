"""Whatever people and disks hand in is taken or refused: bytes and text give a result or an error of ours, no other.

FUZZ_EXAMPLES tries more of each than the few that every run does.
"""

from __future__ import annotations

import gzip
import io
import os
import tarfile
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import store
from store.engine import pages, soundness
from store.engine.pagefile import PageFile
from store.engine.wreck import Wreck
from store.refexpr.grammar import parse
from store.testing.sample import fill

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "60"))
thorough = settings(max_examples=EXAMPLES)
PAGE = 4096


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Iterator[store.Store]:
    with store.create(tmp_path_factory.mktemp("fuzz") / "s") as data:
        fill(data)
        yield data


def refusal(work: Callable[[], object]) -> store.StoreError | None:
    """The error of ours that `work` raises, if any; any other passes."""
    try:
        work()
    except store.StoreError as error:
        return error
    return None


@st.composite
def spoiled(draw: st.DrawFn, good: bytes) -> bytes:
    """`good` with some of it changed, cut off, repeated or put elsewhere."""
    raw = bytearray(good)
    for _ in range(draw(st.integers(1, 4))):
        at, size = draw(st.integers(0, len(raw))), draw(st.sampled_from((1, 4, 16, 512)))
        match draw(st.sampled_from(("set", "bits", "cut", "insert", "repeat", "zero"))):
            case "set":
                raw[at : at + size] = draw(st.binary(min_size=size, max_size=size))
            case "bits" if at < len(raw):
                raw[at] ^= 1 << draw(st.integers(0, 7))
            case "cut":
                del raw[at:]
            case "insert":
                raw[at:at] = draw(st.binary(max_size=size))
            case "repeat":
                raw[at:at] = raw[at : at + size]
            case "zero":
                raw[at : at + size] = bytes(len(raw[at : at + size]))
    return bytes(raw)


PIECES = (
    "trips",
    "master",
    "@",
    ":",
    "^",
    "~",
    ".",
    "-",
    "1",
    "99999999999999999999",
    "2016-07-31",
    "T",
    "Z",
    "\0",
)
EXPRESSIONS = st.lists(st.sampled_from(PIECES) | st.text(max_size=3), max_size=12).map("".join)


@thorough
@given(text=EXPRESSIONS | st.text(max_size=40))
def test_any_text_is_an_expression_or_refused_at_a_character(text):
    refused = refusal(lambda: parse(text))
    assert not isinstance(refused, store.BadExpression) or 0 <= refused.at <= len(text)


@thorough
@given(text=EXPRESSIONS)
def test_any_text_names_something_or_says_what_it_does_not_name(sample, text):
    refused = refusal(lambda: sample.resolve(text))
    assert refused is None or (str(refused).isprintable() and "\n" not in refused.hint())


@pytest.fixture(scope="module")
def bundle(sample: store.Store) -> bytes:
    stream = io.BytesIO()
    sample.write_bundle(stream, ["trips"])
    return stream.getvalue()


@pytest.fixture(scope="module")
def receiver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[store.Store]:
    with store.create(tmp_path_factory.mktemp("fuzz") / "r") as data:
        yield data


@thorough
@given(data=st.data())
def test_a_bundle_of_any_bytes_is_taken_whole_or_refused(bundle, receiver, data):
    raw = data.draw(st.binary(max_size=200) | spoiled(bundle))
    alone = refusal(lambda: store.verify_bundle(io.BytesIO(raw)))
    refused = refusal(lambda: receiver.import_bundle(io.BytesIO(raw), dry_run=alone is None))
    assert alone is None or refused is not None, "what the reader alone refuses, the store refuses, too"
    assert receiver.repos() == []


def archive(format: int) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=format) as tar:
        for name in ("a", "dir/b", "dir/" + "long" * 40):
            info = tarfile.TarInfo(name)
            info.size, info.pax_headers = 700, {"comment": "x"}
            tar.addfile(info, io.BytesIO(bytes(700)))
        for kind, name in ((tarfile.SYMTYPE, "link"), (tarfile.LNKTYPE, "hard"), (tarfile.FIFOTYPE, "pipe")):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "a"
            tar.addfile(info)
    return made.getvalue()


ARCHIVES = [archive(tarfile.PAX_FORMAT), archive(tarfile.GNU_FORMAT)]
ARCHIVES.append(gzip.compress(ARCHIVES[0], mtime=0))


@thorough
@given(raw=st.binary(max_size=600) | st.sampled_from(ARCHIVES).flatmap(spoiled))
def test_an_archive_of_any_bytes_is_put_or_refused(sample, raw):
    with sample.edit_tree(None) as edit:
        refused = refusal(lambda: store.put_tar(edit, io.BytesIO(raw), "into"))
    assert refused is None or str(refused).isprintable()


@pytest.fixture(scope="module")
def database(sample: store.Store) -> bytes:
    return (sample.path / "data.mdb").read_bytes()


@settings(max_examples=-(-EXAMPLES // 3))
@given(data=st.data())
def test_pages_of_any_bytes_are_sound_or_named(tmp_path_factory, database, data):
    """Those of the tables, past the two that describe the state."""
    raw = bytearray(database)
    kinds = [raw[at + 10] for at in range(0, len(raw), PAGE)]
    leaves = [
        number for number, kind in enumerate(kinds) if number > 1 and kind in (pages.BRANCH, pages.LEAF)
    ]
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.sampled_from(leaves)) * PAGE
        raw[at : at + PAGE] = (data.draw(spoiled(bytes(raw[at : at + PAGE]))) + bytes(PAGE))[:PAGE]
    path = tmp_path_factory.mktemp("pages", numbered=True) / "data.mdb"
    path.write_bytes(raw)
    with PageFile(path) as file:
        for table, error in soundness.damaged(file, file.metas()[0]):
            assert isinstance(error, store.Corrupt) and table.isprintable()
    with Wreck(path) as wreck:
        wreck.read()
    path.unlink()
