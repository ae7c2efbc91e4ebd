"""Output to an object store: against a server of a few lines that takes what S3 takes."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from pfsfuse.egress import EgressError, push
from pfsfuse.egress.objects import AT_ONCE
from pfsfuse.pipeline import Egress
from store import Store
from store.testing.strategies import pseudo_random
from tests.pfsfuse.egress.conftest import Commits


class Bucket(ThreadingHTTPServer):
    """Objects by path, `/bucket/key`; answers `refusal` instead when that is set. One upload in parts at a time."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.objects: dict[str, bytes] = {}
        self.parts: dict[int, bytes] = {}
        self.refusal = 0


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Bucket

    def do_PUT(self) -> None:
        body, asked = self._body(), urlsplit(self.path)
        if self.server.refusal:
            return self._answer(self.server.refusal)
        if part := parse_qs(asked.query).get("partNumber"):
            self.server.parts[int(part[0])] = body
        else:
            self.server.objects[unquote(asked.path)] = body
        return self._answer()

    def do_POST(self) -> None:
        self._body()
        asked = urlsplit(self.path)
        if "uploadId" not in parse_qs(asked.query):
            return self._answer(body=_xml("InitiateMultipartUpload", "<UploadId>1</UploadId>"))
        self.server.objects[unquote(asked.path)] = b"".join(
            part for _, part in sorted(self.server.parts.items())
        )
        return self._answer(body=_xml("CompleteMultipartUpload", "<ETag>x</ETag>"))

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers["Content-Length"] or 0))

    def _answer(self, status: int = 200, body: bytes = b"") -> None:
        self.send_response(status)
        self.send_header("ETag", '"x"')
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        pass


def _xml(kind: str, inner: str) -> bytes:
    places = "<Bucket>sales</Bucket><Key>key</Key>"
    return f"<{kind}Result>{places}{inner}</{kind}Result>".encode()


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


def test_a_large_file_is_sent_in_parts(commit_of: Commits, bucket: Bucket) -> None:
    large = pseudo_random(1, AT_ONCE * 2 + 1)
    push(commit_of({"large": large}), Egress(url="s3://sales/of"))
    assert len(bucket.parts) > 1
    assert bucket.objects == {"/sales/of/large": large}


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
