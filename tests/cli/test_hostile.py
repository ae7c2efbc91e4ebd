"""Strings that nobody types by accident, in every place that takes a name, a ref or a path."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

TEXT = st.one_of(
    st.text(max_size=40),
    st.binary(max_size=40).map(os.fsdecode),
).map(lambda text: text.replace("\x00", ""))
"""Any argument there can be: text or bytes, without NUL."""

PLACES = [
    "ls {}",
    "ls trips@{}",
    "ls trips:{}",
    "cat trips@master.1:{}",
    "log trips@{}",
    "log trips -- {}",
    "rm -r trips:{}",
    "mv trips:{} trips:moved",
    "mv trips:7-01-16 trips:{}",
    "cp -r trips:{} trips:copied",
    "cp trips@master.1:7-01-16 {}",
    "put --append a trips:{}",
    "tree trips:{}",
    "du trips@{}",
    "find trips {}",
    "diff trips@master.1 trips {}",
    "diff -p trips:{}",
    "merge trips trips@{}",
    "merge trips@{} trips@master.1",
    "merge trips trips@master.1 --ours {}",
    "revert trips@{}",
    "revert trips --branch {}",
    "cherry-pick trips@{} trips",
    "squash trips@{}",
    "squash trips@{}..master",
    "status trips@{}",
    "commit trips@{}",
    "restore trips:{}",
    "restore trips@{}",
    "rm --stage trips:{}",
    "bundle create b{} trips",
    "bundle create b trips@{}",
    "bundle create b trips --since {}",
    "bundle import {}",
    "show {}",
    "diff trips@{} trips",
    "wait {}",
    "repo create {}",
    "repo show {}",
    "repo delete --yes x{}",
    "put a trips@{}",
    "put a trips:{}",
    "put {} trips",
    "get trips:{} here",
    "branch create trips@{}",
    "branch move trips@master {}",
    "branch delete --yes trips@x{}",
    "drop --yes trips@{}",
    "tag create trips@{}",
    "tag create trips@t --at {}",
    "pipeline show {}",
    "pipeline create -f {}",
    "job show {}",
    "job logs upper@{}",
    "job list {}",
    "service show {}",
    "service stop {}",
    "service create -f {}",
    "jupyter trips@{}",
    "umount {}",
    "{}",
]

KNOWN = [
    "",
    " ",
    ".",
    "..",
    "../../etc/passwd",
    "/etc/passwd",
    "-",
    "--",
    "--help=x",
    "-rf",
    "@",
    ":",
    "@@@",
    "::",
    "trips@master@master@master",
    "master" + "^" * 5000,
    "master~" + "9" * 400,
    "master." + "9" * 400,
    "master.-1",
    "master@" + "9" * 400,
    "master@2016-07-31T25:61",
    "0" * 32,
    "f" * 7,
    "a" * 100_000,
    "a/" * 5000,
    "\n",
    "\r\x1b[2J",
    "\x01",
    "\x7f",
    "\u202e",
    "\udcff",
    "é" * 128,
    "１２３",
    "%s%n{}{0}",
    "$(reboot)`reboot`;reboot",
    "*",
    "[" * 1000,
    "CON",
    "lost+found",
]


def check(run, place: str, text: str) -> None:
    result = run(*(word.replace("{}", text) for word in place.split(" ")))
    damaged = "damaged bundle" in result.err  # a file that is no bundle may be what the string names
    assert result.code in (0, 1, 2, 3, 4, 5, 6, 9, 10, 11, 12) or (damaged and result.code == 7), result.err
    assert "Traceback" not in result.err and "this is a bug" not in result.err
    if result.code:
        lines = result.err.splitlines()
        assert lines[0].startswith("pfs: error: ") or "Usage:" in lines[0]
        assert all(line.isprintable() for line in lines)
    assert all(line.isprintable() for line in result.out.split("\n"))


@pytest.fixture
def prepared(ok, trips, work) -> None:
    (work / "a").write_text("a\n")


@pytest.mark.usefixtures("prepared")
@pytest.mark.parametrize("place", PLACES)
def test_a_known_hostile_string_is_refused_or_meant(run, place):
    for text in KNOWN:
        check(run, place, text)


@pytest.mark.slow
@pytest.mark.usefixtures("prepared")
@given(place=st.sampled_from(PLACES), text=TEXT)
@settings(max_examples=300, deadline=5000, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_string_is_refused_or_meant(run, place, text):
    check(run, place, text)
