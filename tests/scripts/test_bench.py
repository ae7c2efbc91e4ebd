"""That the benchmarks measure every row they promise. Not how fast: that is for a quiet machine."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.benchmarks import datasets, report
from scripts.benchmarks.bench import Result
from scripts.benchmarks.store import ROWS

ROOT = Path(__file__).parents[2]


def bench(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "scripts.benchmarks", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.slow
@pytest.mark.timeout(600)  # 30 processes of ours, one after another
def test_a_quick_run_measures_every_row_and_leaves_nothing_but_its_data(tmp_path):
    ran = bench("store", "--quick", "--peers", "", "--json", "--data", tmp_path)
    assert ran.returncode == 0, ran.stderr
    rows = json.loads(ran.stdout)["rows"]
    assert [row["name"] for row in rows] == [row.name for row in ROWS]
    assert all(row["measured"] and row["runs"] and row["peak"] > 0 and row["claims"] for row in rows)
    assert not [path for path in tmp_path.iterdir() if path.name.startswith("scratch-")]


@pytest.mark.slow
@pytest.mark.usefixtures("fuse")
def test_the_mount_is_measured_beside_the_disk_and_unmounted(tmp_path):
    rows = ("walk-warm", "first-byte", "memory", "write", "make")
    ran = bench("mount", *rows, "--quick", "--json", "--data", tmp_path)
    assert ran.returncode == 0, ran.stderr
    found = json.loads(ran.stdout)["rows"]
    assert [row["name"] for row in found] == list(rows)
    assert all(row["measured"] and row["runs"]["pfs"] for row in found)
    assert all(row["runs"]["ext4"] for row in found if row["name"] in ("walk-warm", "write", "make"))
    assert str(tmp_path) not in Path("/proc/self/mountinfo").read_text()


@pytest.mark.slow
@pytest.mark.usefixtures("fuse")
def test_pipelines_are_measured_beside_a_shell_loop(tmp_path):
    rows = ("true", "known", "one-more", "list", "two-workers")
    ran = bench("pipelines", *rows, "--quick", "--json", "--data", tmp_path)
    assert [
        row["name"] for row in json.loads(ran.stdout)["rows"] if row["claims"] and not row["error"]
    ] == list(rows)


def test_rows_are_chosen_by_name_and_shown_as_a_table(tmp_path):
    ran = bench("store", "put-small", "size-small", "--quick", "--peers", "", "--data", tmp_path)
    lines = [line for line in ran.stdout.splitlines() if line.startswith("| ")]
    assert [line.split(" | ")[0] for line in lines[2:]] == [
        "| put 20,000 small files",
        "| store size of 20,000 small similar files",
    ]


@pytest.mark.parametrize(("arguments", "said"), [
    (("store", "no-such-row"), "no row is called no-such-row"),
    (("store", "--peers", "tar"), "no peer is called tar"),
])  # fmt: skip
def test_an_unknown_row_or_peer_is_refused_by_name(arguments, said, tmp_path):
    ran = bench(*arguments, "--data", tmp_path)
    assert ran.returncode == 2 and said in ran.stderr


def test_data_sets_are_the_same_every_time(tmp_path):
    for name in ("csv", "small", "versions"):
        first, second = (datasets.made(tmp_path / again, name, quick=True) for again in ("a", "b"))
        contents = [
            {path.name: path.read_bytes() for path in where.rglob("*.*")} for where in (first, second)
        ]
        assert contents[0] == contents[1] and contents[0]


def test_a_step_edits_a_tenth_of_the_files_by_the_bytes_it_says(tmp_path):
    where = datasets.made(tmp_path, "versions", quick=True)
    before = {path.name: path.read_bytes() for path in where.iterdir()}
    fresh = datasets.step(where, 1)
    after = {path.name: path.read_bytes() for path in where.iterdir()}
    changed = [name for name in before if before[name] != after[name]]
    assert len(changed) == len(before) // 10 or len(changed) == 1
    grown = sum(len(after[name]) - len(before[name]) for name in changed)
    assert 16 <= fresh - grown < 512 * len(changed)


def test_a_missed_goal_is_shown_as_missed():
    result = Result("a", "some work", "at most 1 s")
    result.at_most(2.5, 1, "s")
    result.at_least(3, 2, "x tar")
    table = report.table(
        dict.fromkeys(("time", "cpus", "cpu", "kernel", "python", "runs"), "?")
        | {"memory_mib": 1024, "load": (0.5,), "quick": False},
        [result],
    )
    assert "2.5 s (missed: 1); 3 x tar (≥ 2)" in table
