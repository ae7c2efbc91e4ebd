"""Output to an object store: against a server of a few lines that takes what S3 takes."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

import pytest

from pfsfuse.egress import EgressError, push
from pfsfuse.pipeline import Egress
from store import Store
from tests.pfsfuse.egress.conftest import Commits


class Bucket(ThreadingHTTPServer):
    """Objects by path, `/bucket/key`; answers `refusal` instead when that is set."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.objects: dict[str, bytes] = {}
        self.refusal = 0


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Bucket

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if not self.server.refusal:
            self.server.objects[unquote(urlsplit(self.path).path)] = body
        self.send_response(self.server.refusal or 200)
        self.send_header("ETag", '"x"')
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *arguments: object) -> None:
        pass


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    with Bucket() as server:
        monkeypatch.setenv("AWS_ENDPOINT", f"http://127.0.0.1:{server.server_address[1]}")
        monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "id")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "key")
        monkeypatch.setenv("AWS_REGION", "here")
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_every_file_is_an_object_below_the_prefix(commit_of: Commits, bucket: Bucket) -> None:
    push(commit_of({"a": b"1", "d/é b": b"2"}), Egress(url="s3://sales/of/july"))
    assert bucket.objects == {"/sales/of/july/a": b"1", "/sales/of/july/d/é b": b"2"}


@pytest.mark.parametrize(("status", "final"), [(403, True), (503, False)])
def test_a_refusal_is_told_and_only_one_that_may_pass_is_worth_another_try(
    commit_of: Commits, bucket: Bucket, status: int, final: bool
) -> None:
    bucket.refusal = status
    with pytest.raises(EgressError, match="egress to s3://sales/of") as raised:
        push(commit_of({"a": b"1"}), Egress(url="s3://sales/of"))
    assert raised.value.final == final and "\n" not in str(raised.value)


def test_a_symlink_is_refused_by_name(data: Store, bucket: Bucket) -> None:
    with data.repo("sales").edit() as edit:
        edit.symlink("link", "a")
    assert edit.result is not None
    with pytest.raises(EgressError, match="link is a symlink") as raised:
        push(edit.result, Egress(url="s3://sales"))
    assert raised.value.final
