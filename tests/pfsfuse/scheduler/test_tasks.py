"""What a worker is told of a datum."""

from __future__ import annotations

from pathlib import Path

import pytest
from scheduling import spec

from pfsfuse.pipeline import DatumInput, make_datum
from pfsfuse.scheduler.job import Cause, Job
from pfsfuse.scheduler.tasks import describe, task_of
from store import CommitId

COMMIT = CommitId(bytes(16))
JOB = Job(
    pipeline="sales",
    id="0" * 32,
    output_branch="master",
    inputs=(),
    cause=Cause(repo="trips", branch="master", commit="0" * 32, finished_ns=0),
    number=1,
    created_ns=0,
)


def given(name: str, path: str, **keys: str) -> DatumInput:
    return DatumInput(name, name, "master", COMMIT, path, bytes(32), **keys)


def test_the_matches_of_a_group_are_shown_in_one_directory_and_its_key_is_told() -> None:
    datum = make_datum(
        b"key",
        (
            given("trips", "1-a", group_by="1"),
            given("trips", "1-b", group_by="1"),
            given("rain", "/", join_on="x"),
        ),
    )
    launch = task_of(Path("/store"), spec("sales", "trips"), JOB, datum).launch
    assert [(each.name, each.paths) for each in launch.inputs] == [
        ("trips", ("/1-a", "/1-b")),
        ("rain", ("/",)),
    ]
    assert {
        name: value for name, value in launch.env.items() if not name.endswith(("ID", "COMMIT", "PIPELINE"))
    } == {
        "trips": "/pfs/trips/1-b",
        "rain": "/pfs/rain",
        "PFS_DATUM_trips_GROUP_BY": "1",
        "PACH_DATUM_trips_GROUP_BY": "1",
        "PFS_DATUM_rain_JOIN_ON": "x",
        "PACH_DATUM_rain_JOIN_ON": "x",
    }


@pytest.mark.parametrize("change", [{"network": "none"}, {"memory": "1G"}, {"cpu": 1}])
def test_a_command_that_runs_already_takes_no_datums_of_a_version_that_may_use_other_things(change) -> None:
    def batch(**change: object) -> str:
        limits = {name: each for name, each in change.items() if name != "network"}
        transform = {"cmd": ["x"], "datum_batching": True, "network": change.get("network", "host")}
        given = spec("sales", "trips", transform=transform, **({"resource_limits": limits} if limits else {}))
        return task_of(Path("/store"), given, JOB, make_datum(b"key", ())).launch.batch

    assert batch() == batch() != batch(**change)


def test_a_datum_of_thousands_of_matches_is_described_by_some() -> None:
    datum = make_datum(b"key", tuple(given("trips", str(number)) for number in range(5000)))
    assert describe(datum).endswith("trips:/9, and 4990 more)")
