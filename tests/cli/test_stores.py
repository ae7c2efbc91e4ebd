"""Which store a command uses, and what it says when that is none."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from store.engine import Environment
from store.format import tables

READING = [
    "ls",
    "log trips",
    "cat trips:a",
    "status",
    "repo list",
    "pipeline list",
    "job list",
    "service list",
    "store check",
    "store gc",
    "store stats",
]


@pytest.mark.parametrize("line", READING)
def test_reading_without_a_store_says_which_and_how_to_make_one_and_makes_none(run, store_path, line):
    result = run(*line.split())
    assert result.code == 3
    assert str(store_path) in result.err and "repo create" in result.err
    assert not store_path.exists()


def test_the_first_repo_makes_the_store_for_its_owner_only(ok, store_path):
    ok("repo", "create", "trips")
    assert store_path.stat().st_mode & 0o777 == 0o700


def test_a_bad_name_for_the_first_repo_makes_no_store(run, store_path):
    assert run("repo", "create", "no/good").code == 6
    assert not store_path.exists()


def test_a_directory_of_other_things_is_not_made_a_store(run, work, store_path):
    store_path.mkdir()
    (store_path / "precious").write_text("mine")
    result = run("repo", "create", "trips")
    assert result.code == 3 and "not a store" in result.err
    assert os.listdir(store_path) == ["precious"]


@pytest.mark.parametrize(
    "place", ["file", "file/below", "/proc/nosuch/store", "/sys/store", "/dev/null"], ids=lambda each: each
)
def test_a_place_that_cannot_hold_a_store_is_an_error(run, work, place):
    (work / "file").write_text("x")
    for line in (["ls"], ["repo", "create", "trips"]):
        result = run("--store", place, *line)
        assert result.code in (3, 6)
        assert result.err.startswith("pfs: error: ") and result.err.count("\n") == 1
        assert Path(place).name in result.err


def test_a_store_of_a_newer_format_is_left_alone(ok, run, store_path):
    ok("repo", "create", "trips")
    header = tables.Header(tables.FORMAT + 1, 0, bytes(16))
    env = Environment(store_path)
    env.write(lambda writing: writing.put(tables.META, tables.HEADER_KEY, tables.encode(header)))
    env.close()
    for line in (["ls"], ["repo", "create", "more"], ["put", "-", "trips:x"]):
        result = run(*line)
        assert result.code == 6
        assert "upgrade pfsfuse" in result.err


@pytest.mark.parametrize("junk", [b"", b"not a database", bytes(1 << 20)], ids=["empty", "text", "zeros"])
def test_a_damaged_database_is_an_error_and_not_a_traceback(ok, run, store_path, junk):
    ok("repo", "create", "trips")
    (store_path / "data.mdb").write_bytes(junk)
    result = run("ls")
    assert result.code in (3, 7)
    assert result.err.startswith("pfs: error: ") and result.err.count("\n") == 1


def test_the_environment_names_the_store_and_the_option_wins(pfs, tmp_path):
    assert pfs("repo", "create", "one", env={"PFS_STORE": str(tmp_path / "one")}).code == 0
    assert pfs("--store", str(tmp_path / "two"), "repo", "create", "two").code == 0
    assert (
        "two" in pfs("repo", "list", "--store", str(tmp_path / "two"), env={"PFS_STORE": "/nonexistent"}).out
    )
    assert "one" in pfs("repo", "list", env={"PFS_STORE": str(tmp_path / "one")}).out


def test_a_broken_configuration_file_is_an_error_that_names_it(pfs, tmp_path):
    (tmp_path / "config" / "pfs").mkdir(parents=True)
    file = tmp_path / "config" / "pfs" / "config.toml"
    for text in ("store = ", "stroe = '/x'", "store = 3"):
        file.write_text(text)
        result = pfs("ls", env={"XDG_CONFIG_HOME": str(tmp_path / "config")})
        assert result.code == 6
        assert str(file) in result.err and "Traceback" not in result.err
