"""Execute a notebook through a running Jupyter server, as somebody sitting in front of it would.

The notebook is stored through the server's contents API, its kernel is started in a session of that
notebook, the cells are sent over the kernel's websocket one by one, and the notebook is stored
again with its outputs. Everything happens where the server runs: what the cells read is the
server's /pfs. (`jupyter execute` starts a kernel of its own, on the host, and would not see it.)

Understood are the outputs a notebook keeps: text, results, figures and errors. Widgets and
animations need a browser.
"""

from __future__ import annotations

import argparse
import json
import socket
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import parse_qs, quote, urlsplit
from urllib.request import ProxyHandler, Request, build_opener

import nbformat
import websocket

CELL_SECONDS = 600
"""How long a cell may stay silent. A first `import matplotlib` takes a while on a small machine."""


class ExecutionError(Exception):
    """The server refused something, or a cell failed; the message is one line."""


class Server:
    """A Jupyter server, known by the URL that it prints, token included."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        token = parse_qs(parts.query).get("token", [""])[0]
        self.host, self.port = parts.hostname or "127.0.0.1", parts.port or 80
        self.address = f"{self.host}:{self.port}"
        self.base = parts.path.split("/lab", 1)[0].rstrip("/")
        self.headers = {"Authorization": f"token {token}"}
        # The server is this machine, whatever proxy the environment names.
        self._opener = build_opener(ProxyHandler({}))

    def call(self, method: str, path: str, body: object = None) -> Any:
        """One request of the REST interface; returns the decoded answer, None when it is empty."""
        data = None if body is None else json.dumps(body).encode()
        headers = {**self.headers, "Content-Type": "application/json"}
        request = Request(f"http://{self.address}{self.base}/api/{path}", data, headers, method=method)
        try:
            with self._opener.open(request, timeout=60) as answer:
                return json.loads(answer.read() or b"null")
        except HTTPError as error:
            if error.code == 403:
                raise ExecutionError(
                    f"the Jupyter server at {self.address} does not take this token"
                ) from error
            reason = json.loads(error.read() or b"{}").get("message") or error.reason
            raise ExecutionError(f"{method} {path}: {error.code} {reason}") from error
        except (URLError, OSError) as error:
            raise ExecutionError(f"no Jupyter server answers at {self.address}: {error}") from error

    def save(self, path: str, notebook: nbformat.NotebookNode) -> None:
        model = {"type": "notebook", "format": "json", "content": notebook}
        self.call("PUT", f"contents/{quote(path)}", model)

    @contextmanager
    def kernel(self, path: str) -> Iterator[Kernel]:
        """The kernel of a new session of the notebook at `path`; its directory is the notebook's."""
        wish = {"path": path, "name": path, "type": "notebook", "kernel": {"name": "python3"}}
        session = self.call("POST", "sessions", wish)
        try:
            channels = f"ws://{self.address}{self.base}/api/kernels/{session['kernel']['id']}/channels"
            with closing(self._connect(channels)) as channel:
                yield Kernel(channel)
        except BaseException:
            # What went wrong first is what people need to hear: a session whose kernel died cannot be ended.
            with suppress(ExecutionError):
                self.call("DELETE", f"sessions/{session['id']}")
            raise
        self.call("DELETE", f"sessions/{session['id']}")

    def _connect(self, url: str) -> websocket.WebSocket:
        # The socket is made here because websocket-client would ask the environment for a proxy.
        try:
            plain = socket.create_connection((self.host, self.port), timeout=CELL_SECONDS)
            return websocket.create_connection(url, header=self.headers, socket=plain)
        except (websocket.WebSocketException, OSError) as error:
            raise ExecutionError(f"the kernel does not answer: {error}") from error


class Kernel:
    """Code in, outputs out. One message of the kernel's protocol is one JSON text on the websocket."""

    def __init__(self, channel: websocket.WebSocket) -> None:
        self._channel = channel
        self._session = uuid.uuid4().hex

    def run(self, code: str) -> tuple[int, list[nbformat.NotebookNode]]:
        """Execute `code`; returns its execution count and its outputs, in order."""
        request = self._send("execute_request", {"code": code, "allow_stdin": False})
        count = 0
        outputs: list[nbformat.NotebookNode] = []
        while True:
            message = self._receive()
            kind, content = message["msg_type"], message["content"]
            if kind == "status" and content["execution_state"] in ("restarting", "dead"):
                raise ExecutionError("the kernel died")
            if message["parent_header"].get("msg_id") != request or message["channel"] != "iopub":
                continue
            if kind == "status" and content["execution_state"] == "idle":
                return count, outputs  # nothing belonging to this request comes after it
            if kind == "execute_input":
                count = content["execution_count"]
            elif kind == "stream" and outputs and outputs[-1].get("name") == content["name"]:
                outputs[-1]["text"] += content["text"]
            elif kind in ("stream", "execute_result", "display_data", "error"):
                outputs.append(nbformat.v4.output_from_msg(message))  # type: ignore[no-untyped-call]  # nbformat has no types

    def _send(self, kind: str, content: dict[str, Any]) -> str:
        header = {
            "msg_id": uuid.uuid4().hex,
            "msg_type": kind,
            "session": self._session,
            "username": "",
            "date": datetime.now(UTC).isoformat(),
            "version": "5.3",
        }
        message = {
            "channel": "shell",
            "header": header,
            "parent_header": {},
            "metadata": {},
            "content": content,
        }
        self._channel.send(json.dumps(message))
        return header["msg_id"]

    def _receive(self) -> dict[str, Any]:
        try:
            while isinstance(message := self._channel.recv(), bytes):
                pass  # a binary frame belongs to a widget
            decoded: dict[str, Any] = json.loads(message)
            return decoded
        except websocket.WebSocketTimeoutException as error:
            raise ExecutionError(f"a cell said nothing for {CELL_SECONDS} s") from error
        except (websocket.WebSocketException, OSError, ValueError) as error:
            raise ExecutionError(f"the server hung up: {error}") from error


def execute(source: Path, url: str, to: str) -> str:
    """Execute the notebook in the file `source` on the server at `url`, and store it there as `to`.

    Returns what its cells printed. When a cell fails, the notebook is stored with what there was up
    to then, the error included, and ExecutionError names the error.
    """
    server = Server(url)
    notebook = nbformat.read(source, as_version=4)  # type: ignore[no-untyped-call]  # nbformat has no types
    server.save(to, notebook)
    printed: list[str] = []
    try:
        with server.kernel(to) as kernel:
            for cell in notebook.cells:
                if cell.cell_type != "code":
                    continue
                cell.execution_count, cell.outputs = kernel.run(cell.source)
                for output in cell.outputs:
                    if output.output_type == "error":
                        raise ExecutionError(f"cell {cell.id!r} failed: {output.ename}: {output.evalue}")
                    if output.output_type == "stream" and output.name == "stdout":
                        printed.append(output.text)
    finally:
        server.save(to, notebook)
    return "".join(printed)


def url_of_service(name: str) -> str:
    """The address of a running service of the store that `pfs` uses, token included.

    Asked for here rather than expected as an argument: every user of the machine can read arguments.
    """
    command = [sys.executable, "-m", "pfsfuse.cli", "service", "show", name, "--json"]
    asked = subprocess.run(command, capture_output=True, text=True)
    if asked.returncode:
        raise ExecutionError(asked.stderr.strip().removeprefix("pfs: error: "))
    service = json.loads(asked.stdout)
    if service["state"] != "running":
        raise ExecutionError(f"the service {name} is {service['state']}")
    return str(service["url"])


def main() -> None:
    parser = argparse.ArgumentParser(description="Execute a notebook through a running Jupyter server.")
    parser.add_argument("notebook", type=Path)
    parser.add_argument("url", nargs="?", help="of the server, with its token (default: the service jupyter)")
    parser.add_argument("--to", help="where the server stores it (default: out/ and the notebook's name)")
    args = parser.parse_args()
    try:
        url = args.url or url_of_service("jupyter")
        print(execute(args.notebook, url, args.to or f"out/{args.notebook.name}"), end="")
    except (ExecutionError, OSError) as error:
        sys.exit(f"execute.py: {error}")


if __name__ == "__main__":
    main()
