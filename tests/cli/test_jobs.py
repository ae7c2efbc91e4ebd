"""`pfs job` on jobs that a scripted executor has run: no daemon, no processes."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from scheduling import put, settle, spec, told

import store as storage
from pfsfuse.cli.pipelines.bars import facts, jobs_of
from pfsfuse.cli.pipelines.joblogs import write_logs
from pfsfuse.cli.pipelines.span import Span
from pfsfuse.scheduler import Ledger, create_pipeline, delete_pipeline
from pfsfuse.testing.executor import FakeExecutor, Files, one_file
from pfsfuse.worker.api import Task
from store import Store


def printing(task: Task) -> Files:
    """Writes a log as a command would; the datum of `bin` prints bytes that are not text."""
    log = Path(task.launch.log)
    log.parent.mkdir(parents=True, exist_ok=True)
    (path,) = task.launch.inputs[0].paths
    log.write_bytes(b"\xff\xfe\n" if path == "/bin" else f"read {path}\nand wrote it\n".encode())
    return one_file(task)


@pytest.fixture
def opened(store_path: Path) -> Iterator[Store]:
    """A store in which `sales` has had one job, and `report`, downstream of it, too."""
    with storage.create(store_path) as made:
        for name in ("run", "logs", "scratch"):
            (made.path / name).mkdir(exist_ok=True)
        made.create_repo("trips")
        create_pipeline(made, spec("sales", "trips"))
        create_pipeline(made, spec("report", "sales", glob="/"))
        put(made, "trips", {"1": b"a", "2": b"b", "bin": b"c"})
        settle(made, FakeExecutor(made, transform=printing))
        yield made


def test_a_commit_s_id_lists_everything_it_brought_about(ok: Callable[..., str], opened: Store) -> None:
    id = str(opened.repo("trips").head().id)
    put(opened, "trips", {"3": b"a"})
    settle(opened, FakeExecutor(opened))
    found = json.loads(ok("job", "list", id[:8], "--json"))
    assert {(each["pipeline"], each["id"]) for each in found} == {("sales", id), ("report", id)}
    assert len(json.loads(ok("job", "list", "--json"))) == 4
    assert len(ok("job", "list", "-p", "sales").splitlines()) == 3


def test_jobs_are_listed_by_their_state(ok: Callable[..., str], opened: Store) -> None:
    put(opened, "trips", {"3": b"a"})
    settle(opened, FakeExecutor(opened, "fail"))
    found = json.loads(ok("job", "list", "--state", "failed", "--state", "unrunnable", "--json"))
    assert {(each["pipeline"], each["state"]) for each in found} == {
        ("sales", "failed"),
        ("report", "unrunnable"),
    }
    assert "upstream sales failed" in ok("job", "list", "report", "-n", "1")


def test_a_job_shows_how_each_of_its_datums_went(ok: Callable[..., str], opened: Store) -> None:
    put(opened, "trips", {"3": b"a", "4": b"b"})
    settle(opened, FakeExecutor(opened, "fail recover", slots=1))
    shown = json.loads(ok("job", "show", "sales", "--datums", "--json"))
    assert [(each["inputs"][0]["path"], each["state"]) for each in shown["datums"]] == [
        ("/1", "skipped"),
        ("/2", "skipped"),
        ("/3", "failed"),
        ("/4", "recovered"),
        ("/bin", "skipped"),
    ]
    assert shown["datums"][2]["run"]["reason"] == "exit code 1"
    text = ok("job", "show", "sales", "--datums")
    assert "5: 3 skipped, 1 failed, 1 recovered" in text and "trips:/4" in text


def test_datums_are_listed_by_their_state_and_shown_by_the_start_of_their_id(
    ok: Callable[..., str], opened: Store
) -> None:
    put(opened, "trips", {"3": b"a", "4": b"b"})
    settle(opened, FakeExecutor(opened, "fail recover", slots=1))
    (failed,) = json.loads(ok("datum", "list", "sales", "--state", "failed", "--json"))
    assert failed["inputs"][0]["path"] == "/3"
    assert json.loads(ok("datum", "show", "sales", failed["datum"][:16], "--json")) == failed
    assert "exit code 1" in ok("datum", "show", "sales", failed["datum"][:16])
    assert len(ok("datum", "list", "sales").splitlines()) == 6


@pytest.mark.parametrize(
    ("options", "printed"),
    [
        ((), "read /1\nand wrote it\nread /2\nand wrote it\n\udcff\udcfe\n"),
        (("--input", "1"), "read /1\nand wrote it\n"),
        (("--input", "trips:/2"), "read /2\nand wrote it\n"),
        (("--input", "/1", "--input", "/bin"), "read /1\nand wrote it\n\udcff\udcfe\n"),
        (("--tail", "1"), "\udcff\udcfe\n"),
        (("--tail", "0"), ""),
        (("--since", "1d", "--input", "1"), "read /1\nand wrote it\n"),
        (("-f", "--input", "1"), "read /1\nand wrote it\n"),
    ],
)
def test_logs_are_picked_by_datum_by_input_by_time_and_from_the_end(
    run, opened: Store, options: tuple[str, ...], printed: str
) -> None:
    directory, now_ns = opened.path / "logs" / "jobs" / "sales", time.time_ns()
    for number, log in enumerate(sorted(directory.glob("*/*.log"), key=lambda path: path.read_bytes())):
        os.utime(log, ns=(0, now_ns + number * 10**6))
    assert run("job", "logs", "sales", *options).out == printed


def test_logs_of_one_datum_by_the_start_of_its_id(run, opened: Store, ok: Callable[..., str]) -> None:
    datums = json.loads(ok("job", "show", "sales", "--datums", "--json"))["datums"]
    assert run("job", "logs", "sales", "--datum", datums[1]["datum"][:16]).out == "read /2\nand wrote it\n"


def test_a_skipped_datum_shows_the_log_of_the_job_that_computed_it(run, opened: Store) -> None:
    put(opened, "trips", {"3": b"a"})
    settle(opened, FakeExecutor(opened))
    assert run("job", "logs", "sales", "--input", "1").out == "read /1\nand wrote it\n"
    assert run("job", "logs", "sales").err == "nothing was printed\n"


def test_logs_as_json_are_one_object_a_line_and_keep_bytes_that_are_no_text(run, opened: Store) -> None:
    lines = [json.loads(line) for line in run("job", "logs", "sales", "--json").out.splitlines()]
    assert {line["message"] for line in lines} == {"read /1", "and wrote it", "read /2", "\udcff\udcfe"}
    assert {"time", "pipeline", "job", "datum", "message"} == lines[0].keys()


def test_the_logs_of_a_deleted_pipeline_go(opened: Store) -> None:
    delete_pipeline(opened, "report")
    delete_pipeline(opened, "sales")
    assert not list((opened.path / "logs" / "jobs").glob("sales*"))


def test_a_log_that_grows_is_followed_to_its_end(
    opened: Store, capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    (job,) = told(opened, "sales")
    log = next((opened.path / "logs" / "jobs" / "sales" / job.id).glob("*.log"))
    for other in log.parent.glob("*.log"):
        if other != log:
            other.unlink()
    log.write_bytes(b"one\nhal")
    running = Ledger(opened)
    jobs = iter(["running", "running", "success"])

    def grow(seconds: float) -> None:
        state = next(jobs)
        if log.stat().st_size < 100:
            with log.open("ab") as file:
                file.write(b"f\n" + b"z" * 100 + b"\nunended")
        from msgspec.structs import replace

        running.put_job(replace(job, state=state))

    monkeypatch.setattr("pfsfuse.cli.pipelines.joblogs.time.sleep", grow)
    from msgspec.structs import replace

    now = replace(job, state="running")
    assert write_logs(opened, now, only=None, since_ns=0, tail=None, follow=True, as_json=False)
    printed = capfdbinary.readouterr().out
    assert printed == b"one\nhalf\n" + b"z" * 100 + b"\nunended\n"


def test_stop_and_retry_say_which_job(ok: Callable[..., str], opened: Store) -> None:
    put(opened, "trips", {"3": b"a"})
    settle(opened, FakeExecutor(opened, "fail"))
    retried = ok("job", "retry", "sales").strip()
    settle(opened, FakeExecutor(opened))
    assert [f"sales@{job.id}" for job in told(opened, "sales")][-1] == retried
    assert ok("job", "wait", retried) == f"{retried} success\n"
    create_pipeline(opened, spec("other", "trips"))
    assert ok("job", "stop", "other").endswith(" killed\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("job", "stop", "sales"), "has ended already (success)"),
        (("job", "retry", "sales"), "succeeded"),
        (("job", "list", "nobody"), "there is no pipeline 'nobody'"),
        (("job", "list", "sales", "-p", "report"), "two pipelines"),
        (("job", "logs", "sales", "--since", "soon"), "'soon' is not a length of time"),
        (("job", "logs", "sales", "--datum", "zz"), "has no datum 'zz'"),
        (("job", "show", "sales@xyz"), "is not the id of a job"),
    ],
)
def test_what_cannot_be_is_refused_in_a_line(
    run, opened: Store, arguments: tuple[str, ...], message: str
) -> None:
    result = run(*arguments)
    assert result.code != 0 and message in result.err and "Traceback" not in result.err


def test_bars_are_in_the_order_of_the_graph_and_say_how_far(opened: Store) -> None:
    commit = str(opened.repo("trips").head().id)
    sales, report = jobs_of(opened, [commit])
    assert (sales.pipeline, report.pipeline) == ("sales", "report")
    assert jobs_of(opened, [commit], {"report"}) == [report]
    assert facts(sales) == {
        "description": "sales",
        "total": 3.0,
        "completed": 3.0,
        "count": "3/3",
        "word": "success",
    }


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("1h30m", 5400), ("1.5m", 90), ("2d", 172800)])
def test_a_length_of_time_is_numbers_with_units(text: str, seconds: float) -> None:
    assert Span().convert(text, None, None) == seconds


def test_a_path_that_no_datum_reads_is_named_instead_of_an_empty_log(run, opened: Store) -> None:
    refused = run("job", "logs", "sales", "--input", "trips:nothing")
    assert refused.code == 11
    assert "reads 'trips:nothing'; `pfs datum list sales@" in refused.err


def test_what_a_failed_command_printed_stands_on_lines_of_its_own(
    ok: Callable[..., str], opened: Store
) -> None:
    ledger = Ledger(opened)
    job = ledger.jobs("sales")[0]
    ledger.put_job(msgspec.structs.replace(job, reason="datum 1 failed\none\n\x1b[2Jtwo"))
    shown = ok("job", "show", "sales")
    assert [line.split()[1:] for line in shown.splitlines() if line.startswith("reason:")] == [
        ["datum", "1", "failed"]
    ]
    assert shown.endswith("\n\n  one\n  \\x1b[2Jtwo\n")


def test_the_job_of_a_stopped_pipeline_is_not_waited_for(ok: Callable[..., str], run, opened: Store) -> None:
    ok("pipeline", "run", "sales")
    ok("pipeline", "stop", "sales")
    refused = run("job", "wait", "sales")
    assert refused.code == 11 and "'sales' is stopped" in refused.err
    assert "`pfs pipeline start sales`" in refused.err


def test_who_follows_a_log_that_nobody_writes_is_told_so(
    ok: Callable[..., str], run, opened: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    ok("pipeline", "run", "sales")
    monkeypatch.setattr("pfsfuse.cli.pipelines.job.write_logs", lambda *_, **__: True)
    assert run("job", "logs", "sales").err == ""
    assert "nobody runs pipelines for this store" in run("job", "logs", "sales", "-f").err
