"""Jobs whose output goes somewhere as well."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from msgspec.structs import replace
from scheduling import put, run, settle, spec, told

from pfsfuse.egress import EgressError
from pfsfuse.errors import SpecError
from pfsfuse.pipeline import Egress
from pfsfuse.scheduler import Ledger, create_pipeline, wait_for
from pfsfuse.scheduler.deploy import egress as deploys_egress
from pfsfuse.scheduler.egressing import TRIES, push_out
from pfsfuse.testing.executor import FakeExecutor
from store import Store


def test_the_output_is_there_when_the_job_has_ended(store: Store, tmp_path: Path) -> None:
    commit = put(store, "trips", {"1": b"a"})
    create_pipeline(store, spec("sales", "trips", egress={"URL": f"file://{tmp_path}/to"}))
    settle(store, FakeExecutor(store))
    assert [job.state for job in told(store, "sales")] == ["success"]
    assert (tmp_path / "to" / "1").read_bytes() == b"/1"
    assert wait_for(store, commit) == [("sales", commit.id)]


def test_a_job_whose_datums_failed_has_failed_and_sends_nothing(store: Store, tmp_path: Path) -> None:
    put(store, "trips", {"1": b"a"})
    create_pipeline(store, spec("sales", "trips", egress={"URL": f"file://{tmp_path}/to"}))
    settle(store, FakeExecutor(store, "fail"))
    (job,) = told(store, "sales")
    assert (job.state, job.reason) == ("failed", "1 of 1 datums failed: exit code 1")
    assert not (tmp_path / "to").exists()


def test_egress_that_cannot_be_fails_the_job_and_its_commit_stays_the_head(store: Store) -> None:
    commit = put(store, "trips", {"1": b"a"})
    database = {"sql_database": {"url": "nosuch://host/db", "file_format": {"type": "CSV"}}}
    create_pipeline(store, spec("sales", "trips", egress=database))
    settle(store, FakeExecutor(store))
    (job,) = told(store, "sales")
    assert job.state == "failed" and job.reason.startswith("egress to nosuch: Can't load plugin")
    assert f"pfs job retry {job.pipeline}" in job.reason
    head = store.repo("sales").head()
    assert head is not None and head.id == commit.id


def test_a_job_whose_scheduler_died_while_sending_sends_again(store: Store, tmp_path: Path) -> None:
    put(store, "trips", {"1": b"a"})
    create_pipeline(store, spec("sales", "trips", egress={"URL": f"file://{tmp_path}/to"}))
    executor = FakeExecutor(store)
    settle(store, executor)
    for state in ("running", "egressing"):
        (job,) = told(store, "sales")
        Ledger(store).put_job(replace(job, state=state, finished_ns=None))
        shutil.rmtree(tmp_path / "to")
        settle(store, executor)
        (job,) = told(store, "sales")
        assert job.state == "success" and (tmp_path / "to" / "1").exists()
    assert len(executor.started) == 1


def test_what_may_pass_is_tried_again_and_the_last_reason_is_told(store: Store, tmp_path: Path) -> None:
    put(store, "trips", {"1": b"a"})
    create_pipeline(store, spec("sales", "trips"))
    settle(store, FakeExecutor(store))
    (job,) = told(store, "sales")
    (tmp_path / "file").touch()

    async def go() -> None:
        with pytest.raises(EgressError, match=rf"Not a directory.*\({TRIES} tries\)"):
            await push_out(store, job, Egress(url=f"file://{tmp_path}/file/x"), pause_seconds=0)

    run(go)


def test_a_library_that_is_missing_is_said_when_the_pipeline_is_made(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deploys_egress, "find_spec", lambda name: None)
    with pytest.raises(SpecError, match="sales: egress needs obstore") as raised:
        create_pipeline(store, spec("sales", "trips", egress={"URL": "s3://sales"}))
    assert "pfsfuse[s3]" in raised.value.hint()
    assert Ledger(store).pipelines() == []
