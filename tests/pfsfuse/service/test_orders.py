"""Ordering a service: what is refused before anything is started, and what is written down."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator

import msgspec
import pytest

from pfsfuse.errors import DaemonError, ServiceError
from pfsfuse.pipeline import Spec, inputs, parse_service, spec_json
from pfsfuse.role import Role, RoleLock
from pfsfuse.service import (
    create_service,
    delete_service,
    jupyter,
    list_services,
    show_service,
    start_jupyter,
    stop_service,
    surroundings,
)
from pfsfuse.service.output import scratch
from store import RefNotFound, RepoNotFound, Store

SpecMaker = Callable[..., Spec]


@pytest.fixture
def supervised(store: Store) -> Iterator[RoleLock]:
    """Somebody holds the services lock, and does nothing else."""
    with RoleLock(store.path, Role.SERVICES) as lock:
        assert lock.acquire_nowait()
        yield lock


def pfs(repo: str, **more: str) -> dict[str, object]:
    return {"pfs": {"repo": repo, "glob": "/"} | more}


def test_without_a_daemon_the_next_step_is_named(store: Store, service_spec: SpecMaker, port: int) -> None:
    with pytest.raises(DaemonError) as refused:
        create_service(store, service_spec(port=port))
    assert "pfs mount" in refused.value.hint()
    assert list_services(store) == []
    assert store.find_repo("lab") is None


@pytest.mark.usefixtures("supervised")
def test_an_order_pins_its_inputs_to_exact_commits(store: Store, service_spec: SpecMaker, port: int) -> None:
    trips = store.repo("trips")
    spec = service_spec(
        port=port,
        input={
            "cross": [
                pfs("trips"),
                pfs("trips", name="first", commit="master.1"),
                pfs("trips", name="draft", branch="dev"),
            ]
        },
    )
    made = create_service(store, spec, wait_seconds=0)
    assert made.state == "starting"
    assert [(each.name, each.branch, each.commit) for each in made.inputs] == [
        ("trips", "master", str(trips.commit("master.2").id)),
        ("first", "master", str(trips.commit("master.1").id)),
        ("draft", "dev", str(trips.commit("dev").id)),
    ]
    assert made.spec == spec_json(spec)
    assert store.repo("lab").origin == "service"


@pytest.mark.usefixtures("supervised")
def test_every_order_has_a_token_of_its_own(
    store: Store, service_spec: SpecMaker, free_port: Callable[[], int]
) -> None:
    tokens = {
        create_service(store, service_spec(name, port=free_port()), wait_seconds=0).token
        for name in ("a", "b")
    }
    assert len(tokens) == 2
    assert all(len(token) == 48 for token in tokens)


@pytest.mark.usefixtures("supervised")
@pytest.mark.parametrize(
    ("inputs", "error", "says"),
    [
        (pfs("trops"), RepoNotFound, "trops"),
        (pfs("trips", commit="master.9"), RefNotFound, "master.9"),
        (pfs("trips", branch="prod"), RefNotFound, "prod"),
        (pfs("empty"), ServiceError, "empty@master has no commits yet"),
    ],
)
def test_an_input_that_is_not_there_is_refused_and_nothing_has_changed(
    store: Store, service_spec: SpecMaker, port: int, inputs: object, error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says):
        create_service(store, service_spec(port=port, input=inputs), wait_seconds=0)
    assert list_services(store) == []
    assert store.find_repo("lab") is None


@pytest.mark.usefixtures("supervised")
def test_a_taken_port_is_refused_and_nothing_has_changed(store: Store, service_spec: SpecMaker) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken = server.getsockname()[1]
        with pytest.raises(ServiceError, match=f"{taken} is taken"):
            create_service(store, service_spec(port=taken), wait_seconds=0)
    assert list_services(store) == []
    assert store.find_repo("lab") is None


@pytest.mark.usefixtures("supervised")
def test_a_port_of_another_service_is_taken_even_before_it_listens(
    store: Store, service_spec: SpecMaker, port: int
) -> None:
    create_service(store, service_spec("first", port=port), wait_seconds=0)
    with pytest.raises(ServiceError, match=f"port {port} is taken by the service 'first'"):
        create_service(store, service_spec("second", port=port), wait_seconds=0)


@pytest.mark.usefixtures("supervised")
def test_a_name_in_use_is_refused(
    store: Store, service_spec: SpecMaker, free_port: Callable[[], int]
) -> None:
    create_service(store, service_spec(port=free_port()), wait_seconds=0)
    with pytest.raises(ServiceError, match="'lab' exists already and is starting"):
        create_service(store, service_spec(port=free_port()), wait_seconds=0)
    with pytest.raises(ServiceError, match="'trips' is the name of a repo that is not a service's"):
        create_service(store, service_spec("trips", port=free_port()), wait_seconds=0)


@pytest.mark.usefixtures("supervised")
def test_a_service_that_does_not_come_up_in_time_is_reported_with_its_log(
    store: Store, service_spec: SpecMaker, port: int
) -> None:
    with pytest.raises(ServiceError, match="does not answer on port") as failed:
        create_service(store, service_spec(port=port), wait_seconds=0.1)
    assert "logs/services/lab.log" in failed.value.hint()


def test_a_service_nobody_knows_is_an_error(store: Store) -> None:
    for act in (show_service, stop_service, delete_service):
        with pytest.raises(ServiceError, match="no service 'lab'"):
            act(store, "lab")


def test_stopping_without_a_daemon_commits_what_a_crash_left(
    store: Store, service_spec: SpecMaker, port: int, supervised: RoleLock
) -> None:
    create_service(store, service_spec(port=port, input=pfs("trips")), wait_seconds=0)
    out = scratch(store.path, "lab") / "out"
    out.mkdir(parents=True)
    (out / "notes").write_text("saved")
    supervised.close()
    commit = stop_service(store, "lab")
    assert commit is not None
    assert commit.read("notes") == b"saved"
    assert not out.exists()
    found = show_service(store, "lab")
    assert (found.state, found.commit) == ("stopped", str(commit.id))
    assert stop_service(store, "lab") == commit


def test_a_stopped_service_can_be_forgotten_and_its_repo_stays(
    store: Store, service_spec: SpecMaker, port: int, supervised: RoleLock
) -> None:
    create_service(store, service_spec(port=port), wait_seconds=0)
    with pytest.raises(ServiceError, match="is running"):
        delete_service(store, "lab")
    supervised.close()
    assert stop_service(store, "lab") is None
    delete_service(store, "lab")
    assert list_services(store) == []
    assert store.find_repo("lab") is not None


@pytest.mark.usefixtures("supervised")
def test_services_are_listed_in_name_order_and_print_as_json(
    store: Store, service_spec: SpecMaker, free_port: Callable[[], int]
) -> None:
    for name in ("b", "a"):
        create_service(store, service_spec(name, port=free_port()), wait_seconds=0)
    assert [each["name"] for each in json.loads(msgspec.json.encode(list_services(store)))] == ["a", "b"]


@pytest.mark.parametrize(
    ("refs", "directories"),
    [
        ([], []),
        (["trips"], ["trips"]),
        (["trips@master.1", "trips@master.2"], ["trips-master-1", "trips-master-2"]),
        (["trips", "trips@dev"], ["trips", "trips-dev"]),
        (["trips@master^", "trips"], ["trips-master", "trips"]),
    ],
)
def test_jupyter_sees_each_repo_under_its_name(store: Store, refs: list[str], directories: list[str]) -> None:
    spec = jupyter.jupyter_spec(store, refs, port=8888, name="jupyter")
    assert [each.name for each in inputs(spec)] == directories
    assert parse_service(json.dumps(spec_json(spec)), source="test", default_name="jupyter") == spec


@pytest.mark.usefixtures("supervised")
@pytest.mark.parametrize(
    ("refs", "error", "says"),
    [
        (["trops"], RepoNotFound, "trops"),
        (["empty"], ServiceError, "empty: no commits yet"),
        (["trips:7-01-16"], ServiceError, "an input is a whole commit"),
        (["trips", "trips"], ServiceError, "another one would show as /pfs/trips, too"),
        (["trips@master", "trips@master^"], ServiceError, "another one would show as /pfs/trips-master, too"),
    ],
)
def test_jupyter_refuses_what_it_cannot_show(
    store: Store, port: int, refs: list[str], error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says):
        start_jupyter(store, refs, port=port)
    assert list_services(store) == []


@pytest.mark.usefixtures("supervised")
def test_without_jupyterlab_the_command_that_installs_it_is_named(
    store: Store, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(surroundings, "SYSTEM_PATH", "")
    monkeypatch.setattr(sys, "executable", "/usr/nowhere/python")
    monkeypatch.setitem(sys.modules, "jupyterlab", None)
    with pytest.raises(ServiceError, match="JupyterLab is not installed") as refused:
        start_jupyter(store, ["trips"], port=port)
    assert f"{sys.executable} -m pip install jupyterlab" in refused.value.hint()


def test_ordering_imports_no_event_loop() -> None:
    code = "import sys, pfsfuse.service; print({'trio', 'pfsfuse.fuse', 'pandas'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_what_cannot_be_committed_is_kept_and_said_until_it_can(
    store: Store, service_spec: SpecMaker, port: int, supervised: RoleLock
) -> None:
    create_service(store, service_spec(port=port), wait_seconds=0)
    out = scratch(store.path, "lab") / "out"
    out.mkdir(parents=True)
    (out / "notes").write_text("saved")
    store.delete_repo("lab")
    supervised.close()
    for _ in range(2):
        with pytest.raises(ServiceError, match=f"cannot be committed: .*{out}"):
            stop_service(store, "lab")
    assert show_service(store, "lab").state == "failed"
    store.create_repo("lab", origin="service")
    commit = stop_service(store, "lab")
    assert commit is not None and commit.read("notes") == b"saved"
    assert (show_service(store, "lab").state, out.exists()) == ("stopped", False)
