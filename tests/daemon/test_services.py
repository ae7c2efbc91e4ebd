"""Services as people use them: real programs in real views, kept by a real daemon."""

from __future__ import annotations

import json
import os
import signal
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from pfsfuse.config import Config
from pfsfuse.control import client, launch
from pfsfuse.errors import ServiceError
from pfsfuse.fuse.mountinfo import mount_at
from pfsfuse.pipeline import Spec, parse_service
from pfsfuse.processes import is_alive
from pfsfuse.service import Service, create_service, keeper, list_services, show_service, stop_service
from store import Store
from tests.ports import free_port

pytestmark = pytest.mark.usefixtures("fuse")

SERVE = "exec python -m http.server $PFS_SERVICE_PORT --bind 127.0.0.1 --directory /pfs"
"""A line of shell that serves everything the service sees."""

STUBBORN = ("trap '' TERM", "echo 1 > /pfs/out/a", SERVE.removeprefix("exec ") + " & wait; wait")
"""One that saves a file and then does not end when asked to."""


def spec(port: int, *lines: str, name: str = "web", external: int | None = None, **more: object) -> Spec:
    """A service that runs `lines` of shell on the repo trips."""
    text = {
        "transform": {"cmd": ["sh"], "stdin": list(lines)},
        "input": {"pfs": {"repo": "trips", "glob": "/"}},
        "service": {"internal_port": port, "external_port": external or port},
    }
    return parse_service(json.dumps(text | more), source="test", default_name=name)


def get(service: Service, path: str) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{service.external_port}/{path}", timeout=200) as answer:
        return str(answer.read().decode())


@pytest.fixture
def daemon(config: Config, store: Store) -> launch.Ready:
    return launch.start_scheduler(config)


@pytest.mark.usefixtures("daemon")
def test_a_service_sees_its_inputs_and_an_empty_out(store: Store, port: int) -> None:
    made = create_service(store, spec(port, SERVE))
    assert made.state == "running"
    assert [name for name in ("trips", "out", "weather") if f'"{name}/"' in get(made, "")] == ["trips", "out"]
    assert get(made, "trips/7-02-16") == "7-02-16,39665\n"


@pytest.mark.usefixtures("daemon")
def test_what_a_service_sees_never_moves(store: Store, port: int) -> None:
    made = create_service(store, spec(port, SERVE))
    with store.repo("trips").edit() as edit:
        edit.write("7-03-16", b"")
    assert "7-03-16" not in get(made, "trips/")


@pytest.mark.usefixtures("daemon")
def test_a_glob_limits_what_a_service_sees(store: Store, port: int) -> None:
    made = create_service(store, spec(port, SERVE, input={"pfs": {"repo": "trips", "glob": "/7-01*"}}))
    assert "7-01-16" in get(made, "trips/")
    assert "7-02-16" not in get(made, "trips/")


@pytest.mark.usefixtures("daemon")
def test_without_inputs_a_service_sees_everything(store: Store, port: int) -> None:
    made = create_service(store, spec(port, SERVE, "", input=None))
    assert get(made, "trips@master.1/7-01-16") == "7-01-16,39665\n"
    assert '"out/"' in get(made, "")


@pytest.mark.usefixtures("daemon")
def test_people_connect_to_the_external_port(store: Store, port: int) -> None:
    made = create_service(store, spec(port, SERVE, external=free_port()))
    assert made.external_port != made.internal_port
    assert str(made.external_port) in made.url
    assert get(made, "trips/7-01-16") == "7-01-16,39665\n"


@pytest.mark.usefixtures("daemon")
def test_what_it_saved_is_a_commit_when_it_has_stopped(
    config: Config, store: Store, port: int, processes: Callable[[], list[int]]
) -> None:
    made = create_service(store, spec(port, "echo 39665 > /pfs/out/sales", "mkdir /pfs/out/figures", SERVE))
    before = len(processes())
    commit = stop_service(store, "web")
    assert commit is not None
    assert (commit.repo, commit.read("sales"), commit.origin) == ("web", b"39665\n", "service")
    assert [str(each.commit) for each in commit.provenance] == [made.inputs[0].commit]
    found = show_service(store, "web")
    assert (found.state, found.commit, found.pid) == ("stopped", str(commit.id), None)
    assert len(processes()) < before
    assert len(client.daemons(config.store)) == 1


@pytest.mark.usefixtures("daemon")
def test_a_service_started_again_finds_what_it_saved(store: Store, port: int) -> None:
    line = "date +%s%N >> /pfs/out/starts"
    create_service(store, spec(port, line, SERVE))
    stop_service(store, "web")
    create_service(store, spec(port, line, SERVE))
    commit = stop_service(store, "web")
    assert commit is not None
    assert commit.depth == 2
    assert len(commit.read("starts").splitlines()) == 2


@pytest.mark.usefixtures("daemon")
def test_a_service_may_clean_up_when_it_is_asked_to_end(store: Store, port: int) -> None:
    program = """
import os, signal, sys, http.server
def end(*_):
    open("/pfs/out/goodbye", "w").write("saved at the last moment")
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
address = ("127.0.0.1", int(os.environ["PFS_SERVICE_PORT"]))
http.server.HTTPServer(address, http.server.BaseHTTPRequestHandler).serve_forever()
"""
    create_service(store, spec(port, transform={"cmd": [sys.executable, "-c", program]}))
    commit = stop_service(store, "web")
    assert commit is not None
    assert commit.read("goodbye") == b"saved at the last moment"


@pytest.mark.slow
@pytest.mark.usefixtures("daemon")
def test_one_that_does_not_listen_to_reason_is_killed(store: Store, port: int) -> None:
    create_service(store, spec(port, *STUBBORN))
    commit = stop_service(store, "web")
    assert commit is not None
    assert commit.read("a") == b"1\n"


@pytest.mark.usefixtures("daemon")
def test_one_that_exits_at_once_is_reported_with_what_it_said(store: Store, port: int) -> None:
    with pytest.raises(ServiceError, match="exited with 3: no such table: sales") as failed:
        create_service(store, spec(port, "echo no such table: sales >&2", "exit 3"))
    assert "\n" not in str(failed.value)
    assert show_service(store, "web").state == "failed"
    with pytest.raises(ServiceError, match="exited with 127"):
        create_service(store, spec(port, transform={"cmd": ["no-such-program"]}))


@pytest.mark.usefixtures("daemon")
def test_what_a_failed_service_wrote_is_not_lost(store: Store, port: int) -> None:
    with pytest.raises(ServiceError):
        create_service(store, spec(port, "echo half > /pfs/out/half", "exit 1"))
    assert store.repo("web").commit().read("half") == b"half\n"


@pytest.mark.usefixtures("daemon")
def test_one_that_dies_is_started_again_with_its_out(
    store: Store, port: int, wait_for: Callable[..., bool]
) -> None:
    made = create_service(store, spec(port, "echo start >> /pfs/out/starts", SERVE))
    (Path(made.out) / "notebook").write_text("unsaved elsewhere")
    assert made.pid is not None
    os.kill(made.pid, signal.SIGKILL)
    assert wait_for(lambda: show_service(store, "web").restarts == 1)
    assert wait_for(lambda: show_service(store, "web").state == "running")
    assert get(made, "out/starts") == "start\nstart\n"
    assert get(made, "out/notebook") == "unsaved elsewhere"


@pytest.mark.slow
@pytest.mark.usefixtures("daemon")
def test_one_that_keeps_dying_is_given_up(store: Store, port: int, wait_for: Callable[..., bool]) -> None:
    until = "while [ ! -e /pfs/out/end ]; do sleep 0.05; done"  # has answered by then; later it dies at once
    made = create_service(store, spec(port, f"({until}; kill $$) & {SERVE}"))
    assert made.state == "running"
    (Path(made.out) / "end").touch()
    assert wait_for(lambda: show_service(store, "web").state == "failed", 200)
    assert show_service(store, "web").restarts == keeper.RESTARTS
    assert "exited with 143" in show_service(store, "web").reason


@pytest.mark.usefixtures("daemon")
def test_one_that_ends_by_itself_is_not_started_again(
    store: Store, port: int, wait_for: Callable[..., bool]
) -> None:
    until = "while [ ! -e /pfs/out/end ]; do sleep 0.05; done"
    serve = SERVE.removeprefix("exec ")
    made = create_service(store, spec(port, f"{serve} & {until}; echo done > /pfs/out/result; exit 0"))
    (Path(made.out) / "end").touch()
    assert wait_for(lambda: show_service(store, "web").state == "stopped")
    commit = show_service(store, "web").commit
    assert commit is not None
    assert store.repo("web").commit(commit).read("result") == b"done\n"


def test_the_daemon_stops_services_before_it_ends(
    config: Config, store: Store, daemon: launch.Ready, port: int, processes: Callable[[], list[int]]
) -> None:
    create_service(store, spec(port, "echo 1 > /pfs/out/a", SERVE))
    status = client.status(config.store, daemon.pid)
    assert status is not None
    assert status.services == ("web",)
    client.stop(config.store, daemon.pid)
    assert processes() == []
    found = show_service(store, "web")
    assert (found.state, found.reason) == ("stopped", "the daemon was stopped")
    assert store.repo("web").commit().read("a") == b"1\n"


def test_after_the_daemon_was_killed_the_next_one_starts_the_service_again(
    config: Config, store: Store, port: int, wait_for: Callable[..., bool]
) -> None:
    killed = launch.start_mount(config, config.mountpoint)
    made = create_service(store, spec(port, "echo start >> /pfs/out/starts", SERVE))
    (Path(made.out) / "notebook").write_text("not committed yet")
    os.kill(killed.pid, signal.SIGKILL)
    assert wait_for(lambda: made.pid is None or not is_alive(made.pid)), "its worker outlived the daemon"

    launch.start_mount(config, config.mountpoint)
    assert "trips" in os.listdir(config.mountpoint)
    assert wait_for(lambda: (now := show_service(store, "web")).state == "running" and now.pid != made.pid)
    assert get(made, "out/starts") == "start\nstart\n"
    assert (show_service(store, "web").token, len(list_services(store))) == (made.token, 1)
    commit = stop_service(store, "web")
    assert commit is not None
    assert commit.read("notebook") == b"not committed yet"


def test_a_second_signal_ends_the_daemon_at_once_and_loses_nothing(
    config: Config, store: Store, daemon: launch.Ready, port: int, wait_for: Callable[..., bool]
) -> None:
    create_service(store, spec(port, *STUBBORN))
    os.kill(daemon.pid, signal.SIGTERM)
    assert wait_for(lambda: show_service(store, "web").state == "stopping")
    os.kill(daemon.pid, signal.SIGTERM)
    assert wait_for(lambda: not is_alive(daemon.pid), keeper.GRACE_SECONDS / 2)
    commit = stop_service(store, "web")
    assert commit is not None
    assert commit.read("a") == b"1\n"
    assert mount_at(config.mountpoint) is None


@pytest.mark.usefixtures("daemon")
def test_the_token_is_in_the_environment_and_nowhere_else(
    config: Config, store: Store, port: int, command_lines: Callable[[str], list[int]]
) -> None:
    made = create_service(store, spec(port, "echo $PFS_SERVICE_TOKEN > /pfs/out/token", SERVE))
    assert get(made, "out/token").strip() == made.token
    assert not command_lines(made.token)
    for log in (config.store / "logs").rglob("*.log"):
        assert made.token not in log.read_text()
        assert log.stat().st_mode & 0o077 == 0


@pytest.mark.usefixtures("daemon")
def test_a_service_that_follows_sees_each_new_commit_and_keeps_what_it_saved(
    store: Store, port: int, wait_for: Callable[..., bool]
) -> None:
    inputs = {"pfs": {"repo": "trips", "glob": "/", "follow": True}}
    made = create_service(store, spec(port, "echo $$ >> /pfs/out/starts", SERVE, input=inputs))
    with store.repo("trips").edit() as edit:
        edit.write("7-03-16", b"today")

    def sees_today() -> bool:
        try:
            return get(made, "trips/7-03-16") == "today"
        except OSError:
            return False

    assert wait_for(sees_today)
    assert show_service(store, "web").url == made.url
    stop_service(store, "web")
    head = store.repo("web").head()
    assert head is not None and edit.result is not None
    assert len(head.read("starts").splitlines()) == 2
    assert head.provenance[0].commit == edit.result.id
