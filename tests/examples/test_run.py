"""The investigation in one command: what it finds, what it leaves, and how it ends."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

import store
from tests.examples.investigation import (
    EXAMPLE,
    FOUND,
    Attended,
    Done,
    Place,
    investigating_alone,
    pfs,
    program,
)

pytestmark = [pytest.mark.usefixtures("fuse", "alone"), pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    return Place.below(tmp_path_factory.mktemp("unattended"))


@pytest.fixture(scope="module")
def first(place: Place) -> Done:
    """The first run in a new place, not on a terminal."""
    with investigating_alone():
        return program("run.py", *place.arguments())


@pytest.fixture
def taken_port() -> Iterator[int]:
    """The port that jupyter.json asks for, with somebody else listening on it."""
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", 30888))
        other.listen()
        yield 30888


def test_a_run_prints_what_it_found_and_where_the_figure_is(first: Done, place: Place) -> None:
    assert first.returncode == 0, first.stdout + first.stderr
    assert first.stderr == ""
    assert FOUND in first.stdout
    assert f"figure: {place.figure}\n" in first.stdout
    assert place.figure.read_bytes().startswith(b"\x89PNG")
    assert "/lab/tree/out/investigate.ipynb?token=" in first.stdout


def test_a_run_leaves_nothing_mounted_or_running(first: Done, place: Place) -> None:
    assert first.returncode == 0
    assert place.left_behind() == []


def test_the_run_left_31_days_and_the_sales_computed_from_each(first: Done, place: Place) -> None:
    with store.open(place.store) as pfs:
        for day in (1, 30, 31):
            trips = pfs.repo("trips").commit(f"master.{day}")
            sales = pfs.repo("sales").commit(f"master.{day}")
            assert len(list(trips.list())) == day
            assert len(sales.read("sales.csv").splitlines()) == 1 + day
            assert sales.id == trips.id, "what one change caused carries one id"
            assert [(each.repo, each.commit) for each in sales.provenance] == [("trips", trips.id)]
        last = pfs.repo("sales").commit("master.31").read("sales.csv")
        assert last.decode().splitlines()[-2:] == [
            "2016-07-30,138900",
            "2016-07-31,138255",
        ]


def test_what_was_saved_in_jupyter_is_a_commit_with_its_provenance(first: Done, place: Place) -> None:
    with store.open(place.store) as pfs:
        saved = pfs.repo("jupyter").commit()
        assert sorted(entry.name for entry in saved.list()) == [b"investigate.ipynb", b"sales-and-rain.png"]
        assert saved.read("sales-and-rain.png") == place.figure.read_bytes()
        notebook = json.loads(saved.read("investigate.ipynb"))
        assert "".join(notebook["cells"][-1]["outputs"][0]["text"]) == FOUND
        pinned = {each.repo: each.commit for each in saved.provenance}
        assert pinned == {
            name: pfs.repo(name).commit("master.31").id for name in ("trips", "weather", "sales")
        }


@pytest.mark.parametrize("daemon_too", [False, True], ids=["run", "run-and-daemon"])
def test_what_is_killed_is_cleaned_up_by_the_next_run_which_finds_the_same(
    daemon_too: bool, first: Done, place: Place
) -> None:
    killed = Attended(place)
    (daemon,) = json.loads(pfs(place, "status", "--json").stdout)["daemons"]
    killed.end(signal.SIGKILL)
    if daemon_too:
        os.kill(daemon["pid"], signal.SIGKILL)
    assert place.left_behind() != []

    second = program("run.py", *place.arguments())
    assert second.returncode == 0, second.stdout + second.stderr
    assert FOUND in second.stdout
    assert place.left_behind() == []


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_ended_early_it_leaves_nothing(signum: signal.Signals, place: Place, first: Done) -> None:
    early = Attended(place, until="$ pfs wait")
    assert early.end(signum) == 128 + signum
    assert place.left_behind() == []


def test_with_nobody_reading_what_it_prints_it_still_leaves_nothing(place: Place, first: Done) -> None:
    command = [sys.executable, str(EXAMPLE / "run.py"), *place.arguments()]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stderr is not None
        assert process.stdout.readline().startswith("$ pfs mount")
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 0
    assert place.left_behind() == []


def test_a_mountpoint_that_cannot_be_used_is_one_line(tmp_path: Path) -> None:
    place = Place.below(tmp_path)
    (place.mountpoint / "something").mkdir(parents=True)
    done = program("run.py", *place.arguments())
    assert done.returncode == 1
    assert done.stderr.startswith("run.py: pfs mount: ")
    assert str(place.mountpoint) in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert place.left_behind() == []


def test_another_run_at_the_same_time_is_refused_and_a_taken_port_is_avoided(
    taken_port: int, attended: Attended
) -> None:
    assert f"port {taken_port} is taken" in attended.printed
    assert f":{taken_port}/" not in attended.url
    other = program("run.py", *attended.place.arguments())
    assert (other.returncode, other.stdout) == (1, "")
    assert other.stderr.startswith("run.py: another run uses this store")
    assert len(seen(attended.url, "trips")) == 31, "the first one goes on"


def test_on_a_terminal_it_stays_on_pinned_data_until_ctrl_c(attended: Attended) -> None:
    place, url = attended.place, attended.url
    assert len(seen(url, "trips")) == 31
    os.stat(place.mountpoint / "sales@master.31" / "sales.csv")

    assert program("load.py", "--store", place.store, "--days", 32).returncode == 0
    done = pfs(place, "wait", "trips@master.32")
    assert done.returncode == 0, done.stderr
    with store.open(place.store) as opened:
        assert opened.repo("sales").commit().depth == 32
    assert len(os.listdir(place.mountpoint / "trips")) == 32
    assert len(seen(url, "trips")) == 31, "the service is pinned to July"

    assert attended.end() == 0
    assert place.left_behind() == []


def seen(url: str, directory: str) -> list[str]:
    """The names in a directory of JupyterLab's file browser."""
    parts = urlsplit(url)
    (token,) = parse_qs(parts.query)["token"]
    request = urllib.request.Request(
        f"http://{parts.netloc}/api/contents/{directory}", headers={"Authorization": f"token {token}"}
    )
    with urllib.request.urlopen(request, timeout=200) as answer:
        return [entry["name"] for entry in json.load(answer)["content"]]
