from __future__ import annotations

import trio.testing
from hypothesis import given
from hypothesis import strategies as st
from working import run

from pfsfuse.worker.api import Ended, Input, Launch, Outcome, Task
from pfsfuse.worker.lines import LineReader
from pfsfuse.worker.protocol import Broken, Ready, Started, Stop, decode_report, decode_request, encode

# Names on disk are any bytes; in strings what is not UTF-8 is a surrogate.
texts = st.binary(max_size=20).map(lambda data: data.decode("utf-8", "surrogateescape"))
launches = st.builds(
    Launch,
    name=texts,
    cmd=st.lists(texts, max_size=3).map(tuple),
    inputs=st.lists(
        st.builds(Input, name=texts, repo=texts, commit=texts, paths=st.lists(texts, max_size=2).map(tuple)),
        max_size=2,
    ).map(tuple),
    stdin=st.lists(texts, max_size=2).map(tuple),
    env=st.dictionaries(texts, texts, max_size=2),
    log=texts,
    timeout_seconds=st.none() | st.floats(0, 1e6),
)


@given(launches | st.builds(Task, launch=launches, pipeline=texts) | st.builds(Stop, name=texts))
def test_a_request_is_one_line_and_comes_out_as_it_went_in(request: Launch | Task | Stop) -> None:
    line = encode(request)
    assert line.count(b"\n") == 1 and line.endswith(b"\n")
    assert decode_request(line) == request


@given(
    st.builds(Ready, pid=st.integers(1, 2**22), sandbox=texts)
    | st.builds(Broken, reason=texts)
    | st.builds(Started, name=texts)
    | st.builds(Ended, name=texts, reason=texts)
    | st.builds(Outcome, datum=texts, reason=texts)
)
def test_a_report_comes_out_as_it_went_in(report: Ready | Broken | Started | Ended | Outcome) -> None:
    assert decode_report(encode(report)) == report


def test_a_line_without_end_is_not_held_longer_than_a_reader_is_willing_to() -> None:
    async def go() -> list[bytes | None]:
        sending, receiving = trio.testing.memory_stream_one_way_pair()
        lines = LineReader(receiving, most=100_000)
        await sending.send_all(b"x" * 90_000 + b"\nlast\n" + b"x" * 1_000_000)
        return [await lines.next_line() for _ in range(3)]

    first, *others = run(go)
    assert first == b"x" * 90_000 and others == [b"last", None]
