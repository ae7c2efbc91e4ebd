"""The loader: a table becomes the files their publishers made, and these become commits, one a day."""

from __future__ import annotations

import runpy
import stat
import sys
from pathlib import Path

import pytest

import store
from tests.examples.investigation import EXAMPLE, program

TRIPS_OF_1_JULY = """\
Date,Trips over the past 24-hours (midnight to 11:59pm),Cumulative trips (since launch):,\
Miles traveled today (midnight to 11:59 pm),Miles traveled to date:,Total Annual Members,\
24-Hour Passes Purchased (midnight to 11:59 pm),3-Day Passes Purchased (midnight to 11:59 pm)
7/1/16,39665,30074752,82871,56801553,179756,1316,139
"""

FORECAST_OF_31_JULY = """\
{
  "latitude": 40.7128,
  "longitude": -74.0059,
  "timezone": "America/New_York",
  "offset": -4,
  "daily": {
    "data": [
      {
        "time": 1469937600,
        "precipProbability": 0.88,
        "temperatureMin": 73.56,
        "temperatureMax": 79.25
      }
    ]
  },
  "flags": {
    "units": "us"
  }
}
"""

JULY = [f"7-{day:02}-16" for day in range(1, 32)]


@pytest.fixture
def loaded(tmp_path: Path) -> Path:
    """A store with July in it."""
    done = program("load.py", "--store", tmp_path / "store")
    assert (done.returncode, done.stdout) == (0, "62 new commits, 0 files were there\n"), done.stderr
    return tmp_path / "store"


def names(commit: store.Commit) -> list[str]:
    return [entry.name.decode() for entry in commit.list()]


def test_a_row_of_the_table_becomes_the_days_two_files(tmp_path: Path) -> None:
    assert program("load.py", "--to", tmp_path).returncode == 0
    assert (tmp_path / "trips" / "7-01-16").read_text() == TRIPS_OF_1_JULY
    assert (tmp_path / "weather" / "2016-07-31").read_text() == FORECAST_OF_31_JULY
    assert sorted(path.name for path in (tmp_path / "trips").iterdir()) == JULY


def test_all_loads_july_to_september(tmp_path: Path) -> None:
    assert program("load.py", "--all", "--to", tmp_path).returncode == 0
    trips = {path.name for path in (tmp_path / "trips").iterdir()}
    assert len(trips) == 92
    assert {"7-31-16", "8-01-16", "9-30-16"} <= trips
    assert len(list((tmp_path / "weather").iterdir())) == 92


def test_each_day_is_one_commit_in_the_order_of_the_calendar(loaded: Path) -> None:
    with store.open(loaded) as pfs:
        trips = pfs.repo("trips")
        assert names(trips.commit("master.1")) == JULY[:1]
        assert names(trips.commit("master.31")) == JULY
        assert [commit.message for commit in trips.log()] == JULY[::-1]
        assert trips.commit("master.1").read("7-01-16").decode() == TRIPS_OF_1_JULY
        assert pfs.repo("weather").commit("master").depth == 31
        entry = trips.commit("master").entry("7-01-16")
        assert stat.S_ISREG(entry.mode)


def test_loading_again_commits_nothing(loaded: Path) -> None:
    with store.open(loaded) as pfs:
        heads = [pfs.repo(name).commit().id for name in ("trips", "weather")]
    assert program("load.py", "--store", loaded).stdout == "0 new commits, 62 files were there\n"
    with store.open(loaded) as pfs:
        assert [pfs.repo(name).commit().id for name in ("trips", "weather")] == heads


def test_loading_one_day_more_commits_that_day_alone(loaded: Path) -> None:
    assert (
        program("load.py", "--store", loaded, "--days", 32).stdout == "2 new commits, 62 files were there\n"
    )
    with store.open(loaded) as pfs:
        assert names(pfs.repo("trips").commit("master.32")) == [*JULY, "8-01-16"]
        assert names(pfs.repo("trips").commit("master.31")) == JULY


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--days", "93"], "1 to 92"),
        (["--days", "-1"], "--days"),
        (["--days", "7", "--all"], "not allowed with"),
        (["--to", "/proc/nowhere"], "/proc/nowhere"),
        (["--store", "/dev/null"], "/dev/null"),
    ],
)
def test_a_mistake_is_one_line_and_no_traceback(arguments: list[str], said: str) -> None:
    done = program("load.py", *arguments)
    assert done.returncode != 0
    assert said in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


def test_ctrl_c_is_told_in_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(store, "open_or_create", interrupted)
    monkeypatch.setattr(sys, "argv", ["load.py", "--store", str(tmp_path / "store")])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(EXAMPLE / "load.py"), run_name="__main__")
    assert ended.value.code == 130
    assert capsys.readouterr().err.strip() == "load.py: interrupted; run it again to go on"
