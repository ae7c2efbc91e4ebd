"""`pfs pipeline`: what is printed and what changes, without anybody scheduling."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

import store
from pfsfuse.service.spouts.record import SpoutStatus, put_spout
from tests.cli.conftest import Run

SALES = """
pipeline: {name: sales}
transform: {cmd: [sh, -c, one]}
input: {pfs: {repo: trips, glob: "/*"}}
"""
REPORT = """
pipeline: {name: report}
transform: {cmd: [sh, -c, two]}
input: {pfs: {repo: sales, glob: "/"}}
"""

Ok = Callable[..., str]
pytestmark = pytest.mark.usefixtures("trips")


@pytest.fixture
def sales(ok: Ok, work: Path, trips: None) -> Path:
    """A pipeline, and the file that it was made from."""
    path = work / "sales.yaml"
    path.write_text(SALES)
    assert ok("pipeline", "create", "-f", "sales.yaml") == "sales\n"
    return path


@pytest.mark.parametrize(
    "line", ["pipeline update -f new.yaml", "pipeline run sales", "pipeline update sales --reprocess"]
)
def test_an_order_that_waits_for_somebody_to_run_pipelines_says_so(
    run: Run, work: Path, sales: Path, line: str
) -> None:
    (work / "new.yaml").write_text(SALES.replace("one", "another"))
    result = run(*line.split())
    assert result.code == 0
    assert "waits until `pfs mount` or `pfs scheduler` does" in result.err


def test_a_misspelt_pipeline_is_told_the_nearest_name(run: Run, sales: Path) -> None:
    assert "did you mean 'sales'?" in run("pipeline", "show", "sale").err


def test_what_a_deleted_pipeline_left_is_deleted_as_a_repo(ok: Ok, run: Run, sales: Path) -> None:
    assert "pipeline delete sales" in run("repo", "delete", "sales", "--yes").err
    ok("pipeline", "delete", "sales", "--yes", "--keep-repo")
    ok("repo", "delete", "sales", "--yes")
    assert "sales" not in ok("repo", "list")


@pytest.mark.parametrize(
    "text",
    [
        REPORT + "---" + SALES,
        json.dumps(
            [
                {
                    "pipeline": {"name": name},
                    "transform": {"cmd": ["x"]},
                    "input": {"pfs": {"repo": repo, "glob": "/"}},
                }
                for name, repo in (("report", "sales"), ("sales", "trips"))
            ]
        ),
    ],
    ids=["YAML documents", "JSON list"],
)
def test_several_in_one_file_are_created_in_the_order_that_their_inputs_need(ok, work, text):
    (work / "all").write_text(text)
    assert ok("pipeline", "create", "-f", "all") == "report\nsales\n"
    assert [each["name"] for each in json.loads(ok("pipeline", "list", "--json"))] == ["report", "sales"]


def test_when_one_of_several_is_wrong_none_is_created(ok, run, work):
    (work / "all").write_text(SALES + "---" + REPORT.replace("repo: sales", "repo: nowhere"))
    refused = run("pipeline", "create", "-f", "all")
    assert refused.code != 0 and "nowhere" in refused.err
    assert json.loads(ok("pipeline", "list", "--json")) == []
    assert "sales" not in ok("repo", "list")


def test_creating_what_exists_names_the_command_that_updates(run, sales):
    refused = run("pipeline", "create", "-f", "sales.yaml")
    assert refused.code != 0 and "pfs pipeline update" in refused.err


def test_a_dry_run_says_what_would_happen_and_changes_nothing(ok, sales):
    sales.write_text(SALES.replace("one", "two") + "---" + REPORT)
    before = ok("pipeline", "list", "--json")
    told = ok("pipeline", "update", "-f", "sales.yaml", "--dry-run").splitlines()
    assert told[0] == "update sales to version 2"
    assert told[1] == "  everything is computed again: the transform is another"
    assert told[2].startswith("  job sales@") and told[2].endswith(" runs on what its inputs hold now")
    assert told[3].startswith("  job sales@") and told[3].endswith(" (created) is ended")
    assert told[4:] == ["create report", "  its first job comes with the first commits of its inputs"]
    assert ok("pipeline", "list", "--json") == before


def test_an_update_makes_a_version_creates_what_is_new_and_leaves_what_is_the_same(ok, sales):
    sales.write_text(SALES.replace("one", "two") + "---" + REPORT)
    assert ok("pipeline", "update", "-f", "sales.yaml") == "sales: version 2\nreport\n"
    assert ok("pipeline", "update", "-f", "sales.yaml") == "sales: not changed\nreport: not changed\n"
    assert ok("pipeline", "update", "sales", "--reprocess") == "sales: version 3\n"


def test_the_log_says_what_each_version_changed_and_spec_prints_it(ok, run, sales):
    sales.write_text(SALES.replace("one", "two") + "datum_tries: 5\n")
    ok("pipeline", "update", "-f", "sales.yaml")
    told = [
        (each["version"], each["changed"]) for each in json.loads(ok("pipeline", "log", "sales", "--json"))
    ]
    assert told == [(2, ["transform.cmd", "datum_tries"]), (1, [])]
    assert json.loads(ok("pipeline", "spec", "sales"))["datum_tries"] == 5
    assert "datum_tries" not in json.loads(ok("pipeline", "spec", "sales", "--version", "1"))
    refused = run("pipeline", "spec", "sales", "--version", "3")
    assert refused.code != 0 and "no version 3" in refused.err
    refused = run("pipeline", "spec", "trips@master")
    assert refused.code != 0 and "commit of the user" in refused.err


def test_what_spec_prints_is_what_update_takes(ok, sales, work):
    for option in ("--yaml", None):
        (work / "again").write_text(ok("pipeline", "spec", "sales", *([option] if option else [])))
        assert ok("pipeline", "update", "-f", "again") == "sales: not changed\n"


def editor(work: Path, command: str) -> str:
    script = work / "editor"
    script.write_text(f"#!/bin/sh\n{command}\n")
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    return str(script)


@pytest.mark.usefixtures("sales")
def test_editing_updates_and_what_cannot_be_taken_is_kept(ok, run, work, monkeypatch):
    monkeypatch.setenv("VISUAL", editor(work, "true"))
    assert run("pipeline", "edit", "sales").err == "sales: not changed\n"
    monkeypatch.setenv("VISUAL", editor(work, 'sed -i s/one/two/ "$1"'))
    assert ok("pipeline", "edit", "sales") == "sales: version 2\n"
    monkeypatch.setenv("VISUAL", editor(work, 'sed -i s/cmd/dmc/ "$1"'))
    refused = run("pipeline", "edit", "sales")
    assert refused.code == 6 and "transform.dmc: unknown field" in refused.err
    (kept,) = [line.split()[-1] for line in refused.err.splitlines() if line.startswith("what you wrote")]
    assert "dmc" in Path(kept).read_text()
    Path(kept).unlink()


def test_an_edit_asks_for_podman_as_creating_does(run, work, sales, monkeypatch):
    monkeypatch.setenv("VISUAL", editor(work, 'sed -i "s/^transform:/&\\n  image: alpine/" "$1"'))
    monkeypatch.setattr("pfsfuse.worker.image.shutil.which", lambda name: None)
    refused = run("pipeline", "edit", "sales")
    assert refused.code and "needs podman" in refused.err
    (kept,) = [line.split()[-1] for line in refused.err.splitlines() if line.startswith("what you wrote")]
    Path(kept).unlink()


def test_a_specification_is_json_with_and_without_saying_so(ok, run, sales):
    assert ok("pipeline", "spec", "sales", "--json") == ok("pipeline", "spec", "sales")
    assert run("pipeline", "spec", "sales", "--json", "--yaml").code == 2


@pytest.mark.parametrize("words", [("run",), ("run", "sales", "-f", "sales.yaml")])
def test_a_run_is_of_a_pipeline_or_of_a_file(run, sales, words):
    assert "not both" in run(*words).err


def test_a_stopped_pipeline_is_not_run_from_its_file_nor_updated_by_that(ok, run, sales):
    ok("pipeline", "stop", "sales")
    sales.write_text(SALES.replace("one", "three"))
    refused = run("run", "-f", "sales.yaml")
    assert refused.code and "`pfs pipeline start sales` first" in refused.err
    assert json.loads(ok("pipeline", "show", "sales", "--json"))["version"] == 1


def test_a_run_after_an_update_that_cannot_run_yet_does_not_show_what_was_computed_before_it(ok, run, sales):
    ok("repo", "create", "rain")
    inputs = '{cross: [{pfs: {repo: trips, glob: "/*"}}, {pfs: {repo: rain, glob: /}}]}'
    sales.write_text(SALES.partition("input:")[0] + f"input: {inputs}\n")
    waiting = run("run", "-f", "sales.yaml")
    assert (waiting.code, waiting.out) == (0, "")
    assert "its first job comes with the first commits of its inputs" in waiting.err


@pytest.mark.usefixtures("sales")
def test_a_stopped_pipeline_says_so_until_it_is_started(ok, run):
    def state() -> str:
        return json.loads(ok("pipeline", "list", "--json"))[0]["state"]

    assert state() == "waiting"
    ok("pipeline", "stop", "sales")
    assert state() == "stopped" and "stopped" in ok("pipeline", "list")
    assert "pfs pipeline start sales" in run("pipeline", "run", "sales").err
    assert run("pipeline", "start", "sales").err == "there is nothing new to run on\n"
    assert state() == "waiting"


@pytest.mark.usefixtures("sales")
def test_a_run_takes_commits_by_the_name_of_the_input(ok, run):
    job = json.loads(ok("pipeline", "run", "sales", "trips@master.1", "--json"))
    first = json.loads(ok("show", "trips@master.1", "--json"))["id"]
    assert [each["commit"] for each in job["inputs"]] == [first]
    for wrong, said in (("weather@master", "no input 'weather'"), ("trips@master.9", "master.9")):
        refused = run("pipeline", "run", "sales", wrong)
        assert refused.code != 0 and said in refused.err


def test_what_pipelines_read_is_deleted_only_by_force(ok: Ok, run: Run, work: Path, sales: Path) -> None:
    ok("branch", "create", "trips@dev")
    spec = {"pipeline": {"name": "report"}, "transform": {"cmd": ["true"]}}
    trigger = {"branch": "dev", "commits": 2}
    spec["input"] = {"pfs": {"repo": "trips", "glob": "/", "trigger": trigger}}
    (work / "report.json").write_text(json.dumps(spec))
    ok("pipeline", "create", "-f", "report.json")
    done = run("repo", "delete", "trips", "--yes")
    assert (done.code, "trips is read by pipelines report, sales" in done.err) == (1, True)
    done = run("branch", "delete", "trips@dev", "--yes")
    assert (done.code, "trips@dev is read by pipeline report" in done.err) == (1, True)
    ok("branch", "delete", "trips@dev", "--yes", "--force")
    ok("repo", "delete", "trips", "--yes", "--force")


def test_a_pipeline_that_is_read_is_deleted_only_by_force(ok, run, work, sales):
    sales.write_text(REPORT)
    ok("pipeline", "create", "-f", "sales.yaml")
    refused = run("pipeline", "delete", "sales", "--yes")
    assert refused.code != 0 and "read by report" in refused.err and "--force" in refused.err
    ok("pipeline", "delete", "sales", "--yes", "--force")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("update",), "-f FILE"),
        (("update", "nothing"), "there is no pipeline 'nothing'"),
        (("update", "sales", "--reprocess", "--keep-results"), "contradict"),
        (("update", "-f", "sales.yaml", "other"), "'other' is not specified in sales.yaml"),
        (("log", "nothing"), "there is no pipeline 'nothing'"),
        (("spec", "sales@master"), "no commits yet"),
        (("stop", "nothing"), "there is no pipeline 'nothing'"),
    ],
)
@pytest.mark.usefixtures("sales")
def test_what_cannot_be_is_one_line_and_an_exit_code(run: Run, words: tuple[str, ...], said: str):
    refused = run("pipeline", *words)
    assert refused.code != 0 and said in refused.err and "Traceback" not in refused.err


def test_a_service_is_not_created_here_and_the_message_says_how(run, work):
    (work / "web.yaml").write_text(SALES + "service: {internal_port: 8000}\n")
    refused = run("pipeline", "create", "-f", "web.yaml")
    assert refused.code == 6 and "sales is a service" in refused.err
    assert "`pfs service create -f FILE` starts it" in refused.err


def test_a_notebook_is_read_beside_the_file_that_names_it(ok, run, work):
    (work / "specs").mkdir()
    spec = SALES.replace("{cmd: [sh, -c, one]}", "{notebook: july.ipynb}")
    (work / "specs" / "sales.yaml").write_text(spec)
    refused = run("pipeline", "create", "-f", "specs/sales.yaml")
    assert refused.code == 6 and "transform.notebook: july.ipynb: No such file" in refused.err
    (work / "specs" / "july.ipynb").write_text('{"nbformat": 4, "metadata": {}, "cells": []}')
    assert ok("pipeline", "create", "-f", "specs/sales.yaml") == "sales\n"
    (work / "specs" / "july.ipynb").write_text('{"nbformat": 4, "metadata": {"x": 1}, "cells": []}')
    assert ok("pipeline", "update", "-f", "specs/sales.yaml") == "sales: version 2\n"


def test_a_spout_waits_for_a_daemon_and_says_so(ok, run, work):
    (work / "feed.yaml").write_text("pipeline: {name: feed}\ntransform: {cmd: [x]}\nspout: {}\n")
    told = ok("pipeline", "create", "-f", "feed.yaml", "--dry-run")
    assert told.splitlines()[1] == "  its command runs as long as `pfs mount` or `pfs scheduler` does"
    ok("pipeline", "create", "-f", "feed.yaml")
    assert json.loads(ok("pipeline", "show", "feed", "--json"))["state"] == "waiting"
    assert "(spout)" in ok("pipeline", "list")
    assert "runs all the time" in run("pipeline", "run", "feed").err


@pytest.mark.parametrize(
    "command", ["job show", "job logs", "job wait", "job stop", "job retry", "datum list"]
)
def test_what_is_asked_about_the_jobs_of_a_spout_has_the_answer_that_it_has_none(ok, run, work, command):
    (work / "feed.yaml").write_text("pipeline: {name: feed}\ntransform: {cmd: [x]}\nspout: {}\n")
    ok("pipeline", "create", "-f", "feed.yaml")
    refused = run(*command.split(), "feed")
    assert (refused.code, refused.out) == (11, "")
    assert "'feed' is a spout" in refused.err and "`pfs pipeline show feed`" in refused.err


def test_a_spout_that_its_daemon_has_left_waits_for_the_next(ok, work, store_path):
    (work / "feed.yaml").write_text("pipeline: {name: feed}\ntransform: {cmd: [x]}\nspout: {}\n")
    ok("pipeline", "create", "-f", "feed.yaml")
    with store.open(store_path) as opened:
        put_spout(opened, "feed", SpoutStatus(state="stopped"))
    assert json.loads(ok("pipeline", "show", "feed", "--json"))["state"] == "waiting"
    ok("pipeline", "stop", "feed")
    assert json.loads(ok("pipeline", "show", "feed", "--json"))["state"] == "stopped"


def test_the_specification_of_a_spout_has_no_datums_to_list(run, work):
    (work / "feed.yaml").write_text("pipeline: {name: feed}\ntransform: {cmd: [x]}\nspout: {}\n")
    refused = run("datum", "list", "-f", "feed.yaml")
    assert (refused.code, refused.out) == (11, "") and "'feed' is a spout" in refused.err


@pytest.mark.usefixtures("sales")
def test_without_a_terminal_and_a_named_editor_none_is_opened(run, monkeypatch):
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.delenv("EDITOR", raising=False)
    refused = run("pipeline", "edit", "sales")
    assert (
        refused.code == 1 and "not on a terminal" in refused.err and "pfs pipeline update -f" in refused.err
    )


@pytest.mark.usefixtures("sales")
def test_an_editor_that_fails_is_named_with_how_to_choose_another(run, monkeypatch):
    monkeypatch.setenv("VISUAL", "/no/such/editor")
    refused = run("pipeline", "edit", "sales")
    assert refused.code == 1 and "/no/such/editor" in refused.err and "VISUAL or EDITOR names" in refused.err
    assert "what you wrote" not in refused.err
