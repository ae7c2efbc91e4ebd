"""Processes killed at random moments: what was acknowledged is there, and the store is sound.

`python -m store.testing.crash` does the same for as long as one likes. The seed is printed by pytest when the test
fails, and `CRASH_SEED` repeats it; `CRASH_KILLS` sets how many are killed.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys

import pytest

import store
from store.testing.crash.harness import campaign
from store.testing.crash.ledger import Ledger
from store.testing.crash.work import SHARED, Done, Try, contents
from store.testing.invariants import assert_sound

KILLS = int(os.environ.get("CRASH_KILLS", "200"))
SEED = int(os.environ.get("CRASH_SEED", str(random.SystemRandom().randrange(1 << 32))))


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_what_was_acknowledged_before_a_kill_is_there_after_it(tmp_path):
    print(f"CRASH_SEED={SEED}")
    tally = campaign(tmp_path, KILLS, SEED)
    print(tally)
    assert tally.acknowledged > 0, "the writers were killed before they could acknowledge anything"


@pytest.fixture
def books(data) -> Ledger:
    """What a writer has said that made one commit in a repo of its own and one in the shared repo."""
    ledger = Ledger()
    for repo in (SHARED, "w0"):
        ledger.hear("w0", Try("make", repo))
        data.create_repo(repo)
        ledger.hear("w0", Done())
        ledger.hear("w0", Try("commit", repo, "master"))
        with data.repo(repo).edit() as edit:
            edit.write("below/a", b"1")
        ledger.hear("w0", Done(str(edit.result.id), "below", contents({"a": b"1"})))
    return ledger


def test_the_books_agree_with_a_store_that_lost_nothing(data, books):
    books.settle(data)
    books.compare(data, books.written)
    assert books.acknowledged == 4 and len(books.fresh) == 2


@pytest.mark.parametrize("repo", [SHARED, "w0"])
def test_the_books_notice_a_commit_that_is_gone_from_its_branch(data, books, repo):
    data.repo(repo).advance("master", expect=data.repo(repo).head().id, to=None)
    with pytest.raises(AssertionError):
        books.settle(data)


def test_the_books_notice_other_bytes(data, books):
    books.written = {made: Done(what.commit, what.below, "0" * 64) for made, what in books.written.items()}
    with pytest.raises(AssertionError, match="other bytes"):
        books.compare(data, books.written)


def test_the_books_take_an_announced_change_whole_or_not_at_all(data, books):
    before = data.repo("w0").head()
    books.hear("w0", Try("commit", "w0", "master"))
    books.settle(data)
    assert books.refs["w0"] == {"master": str(before.id)}
    books.hear("w0", Try("commit", "w0", "master"))
    with data.repo("w0").edit() as edit:
        edit.write("b", b"2")
    books.settle(data)
    assert books.refs["w0"] == {"master": str(edit.result.id)}


def test_a_process_killed_while_it_makes_a_store_leaves_room_for_the_next(tmp_path):
    maker = (
        "import sys, store\nprint('go', flush=True)\nstore.open_or_create(sys.argv[1]).create_repo('trips')"
    )
    rng = random.Random(SEED)
    for number in range(8):
        path = tmp_path / f"store{number}"
        process = subprocess.Popen([sys.executable, "-c", maker, path], stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None and process.stdout.readline() == "go\n"
        try:
            process.wait(rng.uniform(0, 0.015))
        except subprocess.TimeoutExpired:
            process.kill()
        process.communicate(timeout=200)
        with store.open_or_create(path) as data:
            assert_sound(data)
            assert {repo.name for repo in data.repos()} <= {"trips"}
