"""Spouts: what is complete becomes a commit, and nothing that was closed is lost."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Awaitable, Callable, Iterator
from typing import TypeVar

import pytest
import trio

import pfsfuse.service.spouts.taking as taking
from pfsfuse.pipeline import Spec, parse_specs
from pfsfuse.scheduler import (
    Ledger,
    Pipeline,
    create_pipeline,
    delete_pipeline,
    start_pipeline,
    stop_pipeline,
    update_pipeline,
)
from pfsfuse.service.spouts.keeper import SpoutKeeper
from pfsfuse.service.spouts.record import SpoutStatus, find_spout, log_path, put_spout
from pfsfuse.service.spouts.spouts import Spouts
from pfsfuse.service.spouts.taking import Basin, Look
from store import Commit, Full, Store

T = TypeVar("T")


def files(commit: Commit | None) -> dict[str, bytes]:
    return (
        {path.decode(): commit.read(path) for path, entry in commit.walk() if entry.is_file} if commit else {}
    )


@pytest.fixture
def basin(store: Store) -> Basin:
    store.create_repo("spout", origin="pipeline")
    made = Basin(store, "spout")
    made.prepare(1)
    return made


def take(basin: Basin) -> Commit | None:
    return ([None, *basin.take(branch="master", message="m")])[-1]


# ---- what is taken


def test_what_could_not_be_committed_comes_before_a_directory_of_its_name(
    store: Store, basin: Basin, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*given: object) -> Iterator[Commit]:
        if (basin.top / "taken").exists():
            raise Full("no space left")
        yield from ()

    (basin.out / "a").write_bytes(b"1")
    with monkeypatch.context() as broken:
        broken.setattr(Basin, "_commit", full)
        with pytest.raises(Full):
            take(basin)
    (basin.out / "a").mkdir()
    (basin.out / "a" / "b").write_bytes(b"2")
    assert files(take(basin)) == {"a/b": b"2"}
    assert [files(each) for each in store.repo("spout").log()] == [{"a/b": b"2"}, {"a": b"1"}]


def test_what_is_closed_is_taken_and_what_is_open_waits(store: Store, basin: Basin) -> None:
    (basin.out / "d").mkdir()
    (basin.out / "d" / "closed").write_bytes(b"1")
    with (basin.out / "open").open("wb") as still:
        still.write(b"2")
        still.flush()
        assert files(take(basin)) == {"d/closed": b"1"}
        assert os.listdir(basin.out / "d") == [] and (basin.out / "open").exists()
    assert files(take(basin)) == {"d/closed": b"1", "open": b"2"}
    assert take(basin) is None


def test_names_with_a_dot_are_not_taken_until_they_are_renamed(basin: Basin) -> None:
    (basin.out / ".many").mkdir()
    (basin.out / ".many" / "file").write_bytes(b"1")
    (basin.out / ".one").write_bytes(b"2")
    assert take(basin) is None and basin.look().files == ()
    (basin.out / ".many").rename(basin.out / "many")
    (basin.out / ".one").rename(basin.out / "one")
    assert files(take(basin)) == {"many/file": b"1", "one": b"2"}


def test_a_file_replaces_a_directory_of_its_name_and_the_reverse(basin: Basin) -> None:
    (basin.out / "x").mkdir()
    (basin.out / "x" / "y").write_bytes(b"1")
    take(basin)
    (basin.out / "x").rmdir()
    (basin.out / "x").write_bytes(b"2")
    assert files(take(basin)) == {"x": b"2"}
    (basin.out / "x").mkdir()
    (basin.out / "x" / "y").write_bytes(b"3")
    assert files(take(basin)) == {"x/y": b"3"}


def test_a_file_that_is_opened_while_it_is_moved_goes_back(
    basin: Basin, monkeypatch: pytest.MonkeyPatch
) -> None:
    (basin.out / "f").write_bytes(b"1")
    found = (basin.out / "f").stat()
    answers = iter([set(), {(found.st_dev, found.st_ino)}])
    monkeypatch.setattr(taking, "open_for_writing", lambda: next(answers))
    assert take(basin) is None
    assert (basin.out / "f").read_bytes() == b"1"


def test_what_a_crash_left_on_its_way_is_committed_by_the_next(store: Store, basin: Basin) -> None:
    for name in ("1", "2"):
        (basin.out / name).write_bytes(b"x")
    # between steps 1 and 2
    (basin.top / "taken").mkdir()
    (basin.out / "1").rename(basin.top / "taken" / "1")
    assert sorted(files(take(Basin(store, "spout")))) == ["1", "2"]
    # between steps 2 and 3
    (basin.top / "taken").mkdir()
    (basin.top / "taken" / "1").write_bytes(b"x")
    assert take(basin) is None and not (basin.top / "taken").exists()


def test_what_cannot_be_committed_stays_for_the_next_time(store: Store, basin: Basin) -> None:
    (basin.out / "f").write_bytes(b"1")
    store.delete_repo("spout")
    with pytest.raises(Exception, match="spout"):
        take(basin)
    store.create_repo("spout", origin="pipeline")
    assert files(take(basin)) == {"f": b"1"}


def test_what_another_pipeline_of_the_name_has_left_is_nobody_s(basin: Basin) -> None:
    (basin.out / "f").write_bytes(b"1")
    basin.prepare(1)
    assert [path for path, *_ in basin.look().files] == [b"f"]
    basin.prepare(2)
    assert basin.look().files == ()
    assert os.listdir(basin.top.parent) == [basin.top.name]


def test_the_marker_s_text_is_the_message(basin: Basin) -> None:
    assert basin.look().message is None
    (basin.out / ".commit").write_text("why\n")
    assert basin.look().message == "why"
    seen = basin.look()
    basin.acknowledge(seen)
    assert basin.look().message is None


@pytest.mark.parametrize("text", ["why\n", "why not\n"])
def test_a_marker_that_is_written_while_another_is_answered_stays(basin: Basin, text: str) -> None:
    (basin.out / ".commit").write_text("why\n")
    seen = basin.look()
    (basin.out / ".commit").write_text(text)
    os.utime(basin.out / ".commit", ns=(1, 1))  # however coarse the clock of the disk
    basin.acknowledge(seen)
    assert basin.look().message == text.strip()


def test_a_marker_that_is_no_file_asks_for_nothing(basin: Basin) -> None:
    marker = basin.out / ".commit"
    for make, clear in ((marker.mkdir, marker.rmdir), (lambda: os.mkfifo(marker), marker.unlink)):
        make()
        before = len(os.listdir("/proc/self/fd"))
        assert basin.look() == Look((), None)
        assert len(os.listdir("/proc/self/fd")) == before
        clear()
    os.mkfifo(marker)
    writer = os.open(marker, os.O_RDWR)  # who has said nothing yet
    try:
        assert basin.look() == Look((), None)
    finally:
        os.close(writer)


# ---- what runs

STEPS = """
echo 1 > /pfs/out/one
while [ ! -e /pfs/out/two ]; do  # the second round finds nothing: one was taken
    if [ ! -e /pfs/out/one ]; then echo 2 > /pfs/out/two; echo second > /pfs/out/.commit; break; fi
    sleep 0.05
done
while [ -e /pfs/out/.commit ]; do sleep 0.05; done
echo 3 > /pfs/out/three
echo finished
exit 3
"""


def spec_of(script: str) -> Spec:
    document = {"pipeline": {"name": "spout"}, "spout": {}, "transform": {"cmd": ["sh"], "stdin": [script]}}
    (spec,) = parse_specs(json.dumps(document), source="test")
    return spec


def spout(store: Store, script: str, *, update: bool = False) -> Pipeline:
    return (update_pipeline if update else create_pipeline)(store, spec_of(script))


def watch(store: Store, meanwhile: Callable[[], Awaitable[None]]) -> None:
    """Keep the store's spouts while `meanwhile` runs, then end them in order."""

    async def go() -> None:
        with trio.fail_after(280):
            async with trio.open_nursery() as nursery:
                spouts = Spouts(store, quiet_seconds=0.5)
                nursery.start_soon(spouts.run)
                await meanwhile()
                spouts.stop()

    trio.run(go)


async def until(condition: Callable[[], T]) -> T:
    """What it gives, once that is something."""
    while not (found := condition()):
        await trio.sleep(0.02)
    return found


@pytest.mark.parametrize("moment", ["_move", "_make_room"])
def test_nothing_is_committed_once_the_deletion_of_its_pipeline_is_acknowledged(
    store: Store, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """The deletion comes when files are on their way: before their edit has begun, and before it has ended."""
    pipeline = spout(store, "true")
    basin = Basin(store, "spout")
    basin.prepare(pipeline.created_ns)
    (basin.out / "f").write_bytes(b"1")
    where = Basin if moment == "_move" else taking
    before = getattr(where, moment)

    def delete(*given: object) -> None:
        before(*given)
        if Ledger(store).find_pipeline("spout") is not None:
            delete_pipeline(store, "spout", keep_repo=True)

    monkeypatch.setattr(where, moment, delete)
    trio.run(SpoutKeeper(store, pipeline, spec_of("true")).run)
    assert store.repo("spout").head() is None
    assert os.listdir(basin.top / "taken") == ["f"]


def test_what_a_spout_has_left_that_was_deleted_while_nobody_kept_it_is_cleared_away(store: Store) -> None:
    Basin(store, "spout").prepare(1)
    put_spout(store, "spout", SpoutStatus(state="running"))

    async def cleared() -> None:
        await until(lambda: find_spout(store, "spout") is None)

    watch(store, cleared)
    assert os.listdir(store.path / "scratch") == []


@pytest.mark.usefixtures("fuse")
def test_a_spout_commits_restarts_is_updated_stopped_started_and_deleted(store: Store) -> None:
    for name in ("run", "logs", "scratch"):
        (store.path / name).mkdir(exist_ok=True)
    spout(store, STEPS)
    repo = store.repo("spout")

    def being(state: str) -> SpoutStatus | None:
        found = find_spout(store, "spout")
        return found if found and found.state == state else None

    def names() -> set[str]:
        return set(files(repo.head()))

    async def live() -> None:
        await until(lambda: names() == {"one", "two", "three"})  # the last one was closed before it ended
        assert [commit.message for commit in repo.log()] == ["spout: spout", "second", "spout: spout"]
        found = await until(lambda: being("crashing"))
        assert found is not None and found.restarts >= 1 and found.reason == "exited with 3: finished"
        spout(store, "echo 4 > /pfs/out/four; echo $PFS_PIPELINE; sleep 1000", update=True)
        await until(lambda: "four" in names())
        head = repo.head()
        assert head is not None
        await until(lambda: Ledger(store).version_of("spout", str(head.id)) == 2)
        assert log_path(store.path, "spout").read_text().endswith("spout\n")
        running = await until(lambda: being("running"))
        assert running is not None and running.pid is not None
        os.kill(running.pid, signal.SIGKILL)
        killed = await until(lambda: being("crashing"))
        assert killed is not None and killed.reason == f"worker {running.pid} died (signal 9)"
        await until(lambda: being("running"))
        stop_pipeline(store, "spout")
        await until(lambda: being("stopped"))
        start_pipeline(store, "spout")
        await until(lambda: being("running"))
        delete_pipeline(store, "spout")
        await until(lambda: not (store.path / "scratch" / "spout-spout").exists())

    watch(store, live)
    assert find_spout(store, "spout") is None
    assert not list((store.path / "scratch").glob("*"))
