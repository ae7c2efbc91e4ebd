"""From orders and statuses to starting, stopping and settling; and the small things around it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pfsfuse.role import Role, RoleLock, is_played
from pfsfuse.service import logtail
from pfsfuse.service.plan import Plan, plan_services
from pfsfuse.service.record import Order, Status, url
from pfsfuse.service.surroundings import configure, environment, runs_jupyter


def order(wanted: str, *, jupyter: bool = False) -> Order:
    return Order(
        serial=1,
        wanted=wanted,
        spec={},
        inputs=(),
        internal_port=8888,
        external_port=30888,
        token="secret",
        jupyter=jupyter,
    )


@pytest.mark.parametrize(
    ("wanted", "state", "kept", "plan"),
    [
        ("running", "starting", False, Plan(start=("lab",), stop=(), settle=())),
        ("running", "running", False, Plan(start=("lab",), stop=(), settle=())),
        ("running", "running", True, Plan(start=(), stop=(), settle=())),
        ("running", "stopped", False, Plan(start=(), stop=(), settle=())),
        ("running", "failed", False, Plan(start=(), stop=(), settle=())),
        ("stopped", "running", True, Plan(start=(), stop=("lab",), settle=())),
        ("stopped", "running", False, Plan(start=(), stop=(), settle=("lab",))),
        ("stopped", "stopping", False, Plan(start=(), stop=(), settle=("lab",))),
        ("stopped", "stopped", False, Plan(start=(), stop=(), settle=())),
    ],
)
def test_what_runs_becomes_what_is_ordered_unless_it_has_ended(
    wanted: str, state: str, kept: bool, plan: Plan
) -> None:
    services = {"lab": (order(wanted), Status(serial=1, state=state))}
    assert plan_services(services, {"lab": 1} if kept else {}) == plan


def test_a_service_that_runs_on_an_order_that_was_replaced_is_stopped_first() -> None:
    services = {"lab": (order("running"), Status(serial=1, state="starting"))}
    assert plan_services(services, {"lab": 0}) == Plan(start=(), stop=("lab",), settle=())


@pytest.mark.parametrize(
    ("cmd", "stdin", "jupyter"),
    [
        (("python3", "-m", "jupyterlab"), (), True),
        (("jupyter", "lab"), (), True),
        (("/opt/conda/bin/jupyter", "notebook"), (), True),
        (("sh",), ("cd /pfs/out", "jupyter lab --port=8888"), True),
        (("jupyter-lab",), (), True),
        (("sh",), ("exec 'jupyter' lab",), True),
        (("python3", "-m", "http.server"), (), False),
        (("cat", "/pfs/trips/myjupyter.txt"), (), False),
    ],
)
def test_a_jupyter_is_known_by_its_command(
    cmd: tuple[str, ...], stdin: tuple[str, ...], jupyter: bool
) -> None:
    assert runs_jupyter(cmd, stdin) is jupyter


def test_people_are_sent_to_the_external_port_with_the_token() -> None:
    assert url(order("running")) == "http://127.0.0.1:30888/?token=secret"
    assert url(order("running", jupyter=True)) == "http://127.0.0.1:30888/lab?token=secret"


def test_programs_beside_this_python_are_found_first() -> None:
    path = environment(order("running"), {}, Path("/home"))["PATH"]
    assert path.startswith(f"{Path(sys.executable).parent}:")


def test_a_specification_sets_variables_but_never_the_token() -> None:
    given = {"PATH": "/opt/conda/bin", "RAIN": "1", "JUPYTER_TOKEN": ""}
    found = environment(order("running"), given, Path("/home"))
    assert (found["PATH"], found["RAIN"], found["JUPYTER_TOKEN"]) == ("/opt/conda/bin", "1", "secret")


@pytest.mark.parametrize("name", ["jupyter_config", "jupyter_runtime"])
@pytest.mark.parametrize("resumed", [True, False])
def test_a_link_that_a_service_left_leads_nobody_elsewhere(tmp_path: Path, name: str, resumed: bool) -> None:
    home, elsewhere = tmp_path / "home", tmp_path / "elsewhere"
    home.mkdir()
    elsewhere.mkdir()
    (elsewhere / "jpserver-1.json").write_text("precious")
    (home / name).symlink_to(elsewhere)
    configure(home, resumed=resumed)
    assert [path.read_text() for path in elsewhere.iterdir()] == ["precious"]
    assert (home / "jupyter_config/jupyter_server_config.py").is_file()


def test_what_a_service_left_in_place_of_a_directory_is_taken_away(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "jupyter_config")
    (tmp_path / "jupyter_runtime/jpserver-1.json").mkdir(parents=True)
    configure(tmp_path, resumed=True)
    assert list((tmp_path / "jupyter_runtime").iterdir()) == []
    assert (tmp_path / "jupyter_config/jupyter_server_config.py").is_file()


def test_browsers_stay_logged_in_over_a_crash_and_not_over_a_new_order(tmp_path: Path) -> None:
    secret = tmp_path / "jupyter_runtime/jupyter_cookie_secret"
    secret.parent.mkdir()
    secret.touch()
    (secret.parent / "jpserver-1.json").touch()
    configure(tmp_path, resumed=True)
    assert [path.name for path in secret.parent.iterdir()] == ["jupyter_cookie_secret"]
    configure(tmp_path, resumed=False)
    assert not secret.exists()


def test_the_end_of_a_log_is_its_last_lines_since_the_start(tmp_path: Path) -> None:
    log = tmp_path / "lab.log"
    assert logtail.tail(log, since=0) == ""
    log.write_text("an earlier run\n")
    since = logtail.size(log)
    assert logtail.tail(log, since=since) == ""
    with log.open("ab") as file:
        file.write(b"one\ntwo\n\n  three \nfour \xff\n")
    assert logtail.tail(log, since=since) == "two | three | four \N{REPLACEMENT CHARACTER}"


def test_a_very_long_log_is_not_read_whole(tmp_path: Path) -> None:
    log = tmp_path / "lab.log"
    log.write_bytes(b"x" * 10_000_000 + b"\nlast\n")
    assert logtail.tail(log, since=0).endswith("| last")
    assert len(logtail.tail(log, since=0)) < 5000


def test_services_are_supervised_by_one_process(tmp_path: Path) -> None:
    assert not is_played(tmp_path, Role.SERVICES)
    with RoleLock(tmp_path, Role.SERVICES) as lock, RoleLock(tmp_path, Role.SERVICES) as other:
        assert lock.acquire_nowait()
        assert not other.acquire_nowait()
        assert is_played(tmp_path, Role.SERVICES)
    assert not is_played(tmp_path, Role.SERVICES)


def test_a_supervisor_that_is_killed_leaves_no_lock(tmp_path: Path) -> None:
    code = """
import sys, time
from pathlib import Path
from pfsfuse.role import Role, RoleLock, is_played
assert RoleLock(Path(sys.argv[1]), Role.SERVICES).acquire_nowait()
print("held", flush=True)
time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        assert is_played(tmp_path, Role.SERVICES)
        process.kill()
    assert not is_played(tmp_path, Role.SERVICES)
