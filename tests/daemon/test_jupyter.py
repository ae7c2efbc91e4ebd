"""JupyterLab on two commits: one server, asked over HTTP the way its own pages ask it."""

from __future__ import annotations

import asyncio
import json
import os
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tornado.websocket import WebSocketClientConnection, websocket_connect

import store as storage
from pfsfuse.config import Config
from pfsfuse.control import client, launch
from pfsfuse.pipeline import parse_service
from pfsfuse.service import Service, create_service, show_service, start_jupyter, stop_service
from store import Store
from tests.ports import free_port

pytestmark = pytest.mark.usefixtures("fuse")

NOTEBOOK: dict[str, Any] = {"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}


@dataclass
class Lab:
    """A running JupyterLab and the store it saves to."""

    store: Store
    service: Service

    def ask(
        self, path: str, method: str = "GET", body: object = None, *, token: bool = True, host: str = ""
    ) -> tuple[int, Any]:
        """The status and what came with it."""
        headers = {"Authorization": f"token {self.service.token}"} if token else {}
        headers |= {"Host": host} if host else {}
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.service.external_port}/{path}",
            method=method,
            headers=headers,
            data=None if body is None else json.dumps(body).encode(),
        )
        try:
            with urllib.request.urlopen(request, timeout=200) as answer:
                said = answer.read()
                status: int = answer.status
        except urllib.error.HTTPError as error:
            with error:
                status, said = error.code, error.read()
        return status, json.loads(said) if said.startswith((b"{", b"[")) else said

    def save(self, path: str, content: object = NOTEBOOK, kind: str = "notebook") -> int:
        model = {"type": kind, "format": "json" if kind == "notebook" else "text", "content": content}
        return self.ask(f"api/contents/{path}", "PUT", model)[0]

    def names(self, path: str = "") -> list[str]:
        return sorted(each["name"] for each in self.ask(f"api/contents/{path}")[1]["content"])

    def execute(self, code: str, *, beside: str = "out/a.ipynb") -> str:
        """What `code` prints in a kernel of a notebook at `beside`."""
        new = {"path": beside, "type": "notebook", "name": "", "kernel": {"name": "python3"}}
        session = self.ask("api/sessions", "POST", new)[1]
        try:
            return asyncio.run(self._execute(session["kernel"]["id"], code))
        finally:
            self.ask(f"api/sessions/{session['id']}", "DELETE")

    async def _execute(self, kernel: str, code: str) -> str:
        address = f"ws://127.0.0.1:{self.service.external_port}/api/kernels/{kernel}/channels"
        # It is answered once the kernel has started.
        channel = await websocket_connect(f"{address}?token={self.service.token}", connect_timeout=200)
        header = {
            "msg_id": uuid.uuid4().hex,
            "msg_type": "execute_request",
            "session": "1",
            "username": "",
            "version": "5.3",
        }
        content = {
            "code": code,
            "silent": False,
            "store_history": False,
            "user_expressions": {},
            "allow_stdin": False,
        }
        message = {
            "header": header,
            "parent_header": {},
            "metadata": {},
            "content": content,
            "channel": "shell",
        }
        try:
            await channel.write_message(json.dumps(message))
            return await self._printed(channel, header["msg_id"])
        finally:
            channel.close()
            while await channel.read_message() is not None:
                pass  # until the server has closed it, too: a loop that ends before leaves the socket open

    async def _printed(self, channel: WebSocketClientConnection, question: str) -> str:
        printed = ""
        while True:
            heard = json.loads(await asyncio.wait_for(channel.read_message(), 200) or "{}")
            if heard["parent_header"].get("msg_id") != question:
                continue
            printed += heard["content"].get("text", "") if heard["msg_type"] == "stream" else ""
            printed += heard["content"]["evalue"] if heard["msg_type"] == "error" else ""
            if heard["msg_type"] == "status" and heard["content"]["execution_state"] == "idle":
                return printed


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A store with trips and a daemon."""
    path = tmp_path_factory.mktemp("jupyter") / "store"
    with storage.create(path) as opened:
        for repo, commits in (("trips", 2), ("weather", 1)):
            for number in range(commits):
                with (opened.create_repo(repo) if number == 0 else opened.repo(repo)).edit() as edit:
                    edit.write(f"{number + 1}.csv", b"date,trips\n")
        launch.start_scheduler(Config(store=path, mountpoint=path.parent / "pfs", color=False))
        try:
            yield opened
        finally:
            for daemon in client.daemons(path, timeout_seconds=60):
                client.stop(path, daemon.pid)


@pytest.fixture(scope="module")
def started(base: Store) -> Callable[[], Lab]:
    """Gives the one that all share; another when it has ended: it takes seconds to start."""
    labs: list[Lab] = []

    def find() -> Lab:
        if not labs or show_service(base, "jupyter").state != "running":
            labs.append(Lab(base, start_jupyter(base, ["trips@master.1", "weather"], port=free_port())))
        return labs[-1]

    return find


@pytest.fixture
def lab(started: Callable[[], Lab]) -> Lab:
    return started()


def test_nobody_gets_in_without_the_token(lab: Lab) -> None:
    assert lab.ask("api/contents", token=False)[0] == 403
    assert lab.ask("api/contents?token=wrong", token=False)[0] == 403
    assert lab.ask(f"api/contents?token={lab.service.token}", token=False)[0] == 200


def test_nor_under_the_name_of_another_host(lab: Lab) -> None:
    assert lab.ask("api/contents", host="evil.example:80")[0] == 403


def test_the_address_opens_the_lab(lab: Lab) -> None:
    with urllib.request.urlopen(lab.service.url, timeout=200) as answer:
        assert b"<title>JupyterLab</title>" in answer.read()


def test_it_shows_the_inputs_and_out(lab: Lab) -> None:
    assert lab.names() == ["out", "trips", "weather"]
    assert lab.names("trips") == ["1.csv"]


def test_it_opens_in_out(lab: Lab) -> None:
    page = lab.ask("lab")[1].decode()
    config = json.loads(
        page.partition('id="jupyter-config-data" type="application/json">')[2].partition("</script>")[0]
    )
    assert config["preferredPath"] == "out"


def test_a_notebook_can_be_saved_again_renamed_and_deleted_in_out(lab: Lab) -> None:
    assert lab.save("out/first.ipynb") == 201
    assert lab.save("out/first.ipynb") == 200
    assert lab.ask("api/contents/out/first.ipynb", "PATCH", {"path": "out/second.ipynb"})[0] == 200
    assert "second.ipynb" in lab.names("out")
    assert lab.ask("api/contents/out/second.ipynb", "DELETE")[0] == 204
    assert "second.ipynb" not in lab.names("out")
    assert [name for name in os.listdir(lab.service.out) if name.startswith(".")] == []


def test_checkpoints_are_kept_out_of_the_way_and_can_be_gone_back_to(lab: Lab) -> None:
    checkpoints = "api/contents/out/note.txt/checkpoints"
    assert lab.save("out/note.txt", "before", "file") == 201
    assert lab.ask(checkpoints, "POST", {})[0] == 201
    assert lab.save("out/note.txt", "after", "file") == 200
    [checkpoint] = lab.ask(checkpoints)[1]
    assert lab.ask(f"{checkpoints}/{checkpoint['id']}", "POST", {})[0] == 204
    assert lab.ask("api/contents/out/note.txt")[1]["content"] == "before"
    assert lab.ask(f"{checkpoints}/{checkpoint['id']}", "DELETE")[0] == 204
    assert not [path for path in Path(lab.service.out).rglob("*") if "checkpoint" in path.name]
    home = Path(lab.service.out).parent / "home"
    assert home.stat().st_mode & 0o077 == 0


def test_a_commit_cannot_be_written_to_and_says_so_politely(lab: Lab) -> None:
    assert lab.save("trips/1.csv", "x", "file") == 403
    assert lab.ask("api/contents/trips/1.csv")[1]["content"] == "date,trips\n"
    assert lab.ask("api/contents/trips/1.csv/checkpoints", "POST", {})[0] == 403
    for folder in ("", "trips"):
        assert lab.save(f"{folder}/new.ipynb".lstrip("/")) == 403
        assert "new.ipynb" not in lab.names(folder)
    assert lab.ask("api/contents/trips/1.csv", "DELETE")[0] == 403
    assert lab.names("trips") == ["1.csv"]


def test_a_kernel_works_in_out_and_reads_the_commits(lab: Lab) -> None:
    code = (
        "import os; open('figure.txt', 'w').write('4'); print(os.getcwd(), os.listdir('/pfs/trips'), 6 * 7)"
    )
    assert lab.execute(code) == "/pfs/out ['1.csv'] 42\n"
    assert (Path(lab.service.out) / "figure.txt").read_text() == "4"


def test_a_kernel_sees_neither_the_token_nor_the_store(lab: Lab) -> None:
    code = f"""
import os
print([name for name, value in os.environ.items() if {lab.service.token[:20]!r} in value])
print(os.path.exists({str(lab.store.path / "data.mdb")!r}))
"""
    assert lab.execute(code).splitlines()[-1] == "False"
    assert "JUPYTER_TOKEN" not in lab.execute(code)


def test_news_and_updates_are_not_looked_for(lab: Lab) -> None:
    settings = lab.ask("lab/api/settings/@jupyterlab/apputils-extension:notification")[1]
    properties = settings["schema"]["properties"]
    assert (properties["fetchNews"]["default"], properties["checkForUpdates"]["default"]) == ("false", False)


def test_the_token_is_on_no_command_line_and_in_no_log(
    lab: Lab, command_lines: Callable[[str], list[int]]
) -> None:
    lab.ask("api/contents?token=" + lab.service.token)
    assert not command_lines(lab.service.token)
    logs = list((lab.store.path / "logs").rglob("*.log"))
    assert Path(lab.service.log) in logs
    assert not [log for log in logs if lab.service.token in log.read_text()]


def test_what_was_saved_is_in_the_repo_when_it_has_stopped(lab: Lab) -> None:
    lab.save("out/sales.ipynb")
    (Path(lab.service.out) / ".~sales.ipynb").touch()
    (Path(lab.service.out) / ".ipynb_checkpoints").mkdir()
    commit = stop_service(lab.store, "jupyter")
    assert commit is not None
    names = [entry.name.decode() for entry in commit.list()]
    assert "sales.ipynb" in names
    assert not [name for name in names if name.startswith(".")]
    assert json.loads(commit.read("sales.ipynb")) == NOTEBOOK
    assert [(each.repo, str(each.commit)) for each in commit.provenance] == [
        ("trips", str(lab.store.repo("trips").commit("master.1").id)),
        ("weather", str(lab.store.repo("weather").commit().id)),
    ]
    assert lab.service.token.encode() not in b"".join(
        commit.read(path) for path, entry in commit.walk() if entry.is_file
    )


@pytest.mark.parametrize("line", ["jupyter lab", "jupyter notebook"])
def test_the_old_job_form_that_starts_jupyter_from_a_shell_works(base: Store, line: str) -> None:
    internal, external = free_port(), free_port()
    text = {
        "service": {"internal_port": internal, "external_port": external},
        "transform": {"cmd": ["sh"], "stdin": [line]},
        "parallelism_spec": {"strategy": "CONSTANT", "constant": 1},
        "inputs": [{"commit": {"repo": {"name": "trips"}, "id": "master/1"}}],
    }
    old = Lab(base, create_service(base, parse_service(json.dumps(text), source="test", default_name="old")))
    assert old.service.url.startswith(f"http://127.0.0.1:{external}/lab?token=")
    assert old.names() == ["out", "trips"]
    assert old.names("trips") == ["1.csv", "2.csv"]
    assert old.save("out/a.ipynb") in (200, 201)
    commit = stop_service(base, "old")
    assert commit is not None
    assert [entry.name for entry in commit.list()] == [b"a.ipynb"]
    assert show_service(base, "old").state == "stopped"
