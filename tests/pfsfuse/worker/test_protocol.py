from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pfsfuse.worker.api import Ended, Input, Launch, Outcome, Task
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
