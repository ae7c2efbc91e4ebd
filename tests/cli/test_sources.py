"""pfs put from URLs and archives, pfs get to archives: whole or not at all."""

from __future__ import annotations

import gzip
import io
import json
import os
import re
import tarfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

BODY = os.urandom(300_000)


class Answers(BaseHTTPRequestHandler):
    """Answers as the path says."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Nothing: a quiet suite."""

    def do_GET(self) -> None:
        what = self.path.partition("?")[0].strip("/").partition("/")[0]
        getattr(self, f"give_{what}", self.give_nothing)()

    def give(self, code: int = 200, body: bytes = BODY, **headers: str) -> None:
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        if not {"Content_Length", "Transfer_Encoding"} & set(headers):
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def give_nothing(self) -> None:
        self.give(404)

    def give_whole(self) -> None:
        self.give()

    def give_tar(self) -> None:
        self.give(body=gzip.compress(archive({"a": b"1", "b/c": b"2"})))

    def give_cut(self) -> None:
        self.give(Content_Length=str(len(BODY) + 1), Connection="close")
        self.close_connection = True

    def give_chunked(self) -> None:
        self.give(body=b"%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY), Transfer_Encoding="chunked")

    def give_halfchunk(self) -> None:
        self.give(body=b"%x\r\n%s" % (len(BODY), BODY[:1000]), Transfer_Encoding="chunked")
        self.close_connection = True

    def give_nolength(self) -> None:
        self.close_connection = True
        self.send_response(200)
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(BODY)

    def give_loop(self) -> None:
        self.give(302, b"", Location="/loop/again")

    def give_far(self) -> None:
        left = int(self.path.rpartition("/")[2])
        self.give(302, b"", Location=f"/far/{left - 1}" if left else "/whole/x")

    def give_file(self) -> None:
        self.give(302, b"", Location="file:///etc/passwd")

    def give_ftp(self) -> None:
        self.give(302, b"", Location="ftp://localhost/x")

    def give_zipped(self) -> None:
        self.give(body=gzip.compress(BODY), Content_Encoding="gzip")

    def give_partial(self) -> None:
        self.give(206)

    def give_rubbish(self) -> None:
        self.wfile.write(b"\x1b[31m not http\r\n\r\n")
        self.close_connection = True

    def give_hangup(self) -> None:
        self.close_connection = True


def archive(files: dict[str, bytes], **odd: bytes) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as made:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            made.addfile(info, io.BytesIO(content))
        for name, kind in odd.items():
            info = tarfile.TarInfo(name)
            info.type = kind
            made.addfile(info)
    return out.getvalue()


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    """The URL of a server on this host."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(autouse=True)
def repo(ok) -> None:
    ok("repo", "create", "new")


def history(ok) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(ok("log", "new", "--json"))
    return found


# ---- URLs


@pytest.mark.parametrize("way", ["whole", "chunked", "nolength", "far/4"])
def test_what_a_url_gives_is_put_under_its_last_name(ok, work, site, way):
    ok("put", f"{site}/{way}/2016%20July.csv" if "far" not in way else f"{site}/{way}", "new")
    name = "4" if "far" in way else "2016 July.csv"
    ok("get", f"new:{name}", "back")
    assert (work / "back").read_bytes() == BODY


def test_a_url_may_be_given_another_name_and_stand_among_files(ok, work, site):
    (work / "file").write_text("1")
    ok("put", f"{site}/whole/x", "new:other")
    ok("put", "file", f"{site}/whole/y?z=1", "new:dir")
    assert ok("ls", "-R", "new").split() == ["dir/", "dir/file", "dir/y", "other"]


def test_what_may_be_secret_in_a_url_does_not_get_into_the_commit(ok, site):
    ok("put", f"{site}/whole/x?token=secret#part", "new")
    assert history(ok)[0]["message"] == f"put {site}/whole/x"


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("cut/x", "was cut short: 300000 of 300001 bytes"),
        ("halfchunk/x", "was cut short"),
        ("nothing/x", "404"),
        ("loop/x", "redirect"),
        ("far/7", "redirect"),
        ("file/x", "leads to what is not http"),
        ("ftp/x", "leads to ftp:"),
        ("zipped/x", "encoded as gzip"),
        ("partial/x", "206"),
        ("rubbish/x", "not HTTP"),
        ("hangup/x", "RemoteDisconnected"),
        ("whole/", "no name"),
        ("whole/..", "no name"),
        ("whole/%2e%2e", "no name"),
        ("whole/a%2fb", "no name"),
        ("whole/%00", "no name"),
        ("whole/" + "x" * 256, "no name"),
        ("whole/a b", "not a URL"),
        ("whole/a\nb", "not a URL"),
    ],
)
def test_what_is_not_whole_or_has_no_name_is_not_put(run, ok, site, path, why):
    result = run("put", f"{site}/{path}", "new")
    assert result.code == 1 and result.err.count("\n") == 1
    assert re.search(why, result.err), result.err
    assert result.err.strip().isprintable() and history(ok) == []


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://", "not a URL"),
        ("http:///x", "not a URL"),
        ("http://127.0.0.1:99999/x", "not a URL"),
        ("http://[::1/x", "not a URL"),
        ("http://127.0.0.1:1/x", "refused"),
        ("http://no.such.host.invalid/x", "no.such.host.invalid"),
        ("https://user:hunter2@127.0.0.1/x", "password"),
    ],
)
def test_a_url_that_leads_nowhere_is_said_to(run, ok, url, why):
    result = run("put", url, "new:x")
    assert result.code == 1 and result.err.count("\n") == 1 and why in result.err
    assert "hunter2" not in result.err and history(ok) == []


def test_a_url_is_not_appended(run, site):
    assert "appended" in run("put", "--append", f"{site}/whole/x", "new").err


# ---- archives


def test_an_archive_at_a_url_is_put_with_what_it_holds(ok, site):
    ok("put", "--tar", f"{site}/tar/x.tar.gz", "new:in")
    assert ok("ls", "-R", "new").split() == ["in/", "in/a", "in/b/", "in/b/c"]


@pytest.mark.parametrize("name", ["t.tar", "t.tar.gz", "t.tgz", "t.tar.bz2", "t.tar.xz", "t.tar.zst"])
def test_an_archive_that_was_got_is_put_again_as_it_was(ok, work, name):
    (work / "data" / "empty").mkdir(parents=True)
    (work / "data" / "file").write_bytes(BODY)
    (work / "data" / "link").symlink_to("file")
    ok("put", "-r", "data/.", "new")
    ok("get", "--tar", "new", name)
    first = (work / name).read_bytes()
    ok("get", "--tar", "new", name)
    assert (work / name).read_bytes() == first
    ok("repo", "create", "other")
    ok("put", "--tar", name, "other")
    trees = [json.loads(ok("show", repo, "--json")) for repo in ("new", "other")]
    assert ok("diff", "new", "other") == "" and trees[0] != trees[1]


def test_archives_go_through_pipes(pfs):
    packed = archive({"a": b"1"})
    assert pfs("put", "--tar", "-", "new", stdin=packed).code == 0
    raw = pfs("get", "--tar", "new:a").out.encode(errors="surrogateescape")
    with tarfile.open(fileobj=io.BytesIO(raw)) as found:
        assert found.getnames() == ["a"]


def test_what_cannot_be_put_is_listed_and_nothing_is_put(run, ok, work):
    odd = {"pipe": tarfile.FIFOTYPE, "dev": tarfile.CHRTYPE}
    (work / "t.tar").write_bytes(archive({"good": b"1", "../up": b"2", "/abs": b"3"}, **odd))
    result = run("put", "--tar", "t.tar", "new")
    assert result.code == 1 and history(ok) == []
    for name in ("../up", "/abs", "pipe", "dev"):
        assert f"'{name}'" in result.err
    assert "--keep-going" in result.err.splitlines()[-1]
    result = run("put", "--tar", "--keep-going", "t.tar", "new")
    assert result.code == 1 and ok("ls", "-R", "new").split() == ["good"]


@pytest.mark.parametrize("kept", [0, 100, 600, 1500])
def test_an_archive_that_was_cut_short_is_not_put(run, ok, work, kept):
    (work / "t.tar").write_bytes(archive({"a": b"1", "b": b"2" * 2000})[:kept])
    result = run("put", "--tar", "--keep-going", "t.tar", "new")
    assert result.code == 6 and "archive" in result.err and history(ok) == []


def test_an_archive_is_whole_or_not_there(run, ok, work):
    (work / "data").mkdir()
    (work / "data" / "file").write_bytes(BODY)
    ok("put", "-r", "data/.", "new")
    for dest in ("no/such/t.tar", "data", "data/"):
        assert run("get", "--tar", "new", dest).code == 1
    assert sorted(os.listdir(work)) == ["data"]


def test_an_archive_goes_into_a_directory_of_the_repo_and_not_over_a_file(run, ok, work):
    (work / "t.tar").write_bytes(archive({"a": b"1"}))
    ok("put", "--tar", "t.tar", "new:x/y")
    assert run("put", "--tar", "t.tar", "new:x/y/a").code == 1
    assert ok("ls", "-R", "new").split() == ["x/", "x/y/", "x/y/a"]


def test_an_archive_may_be_staged(ok, work):
    (work / "t.tar").write_bytes(archive({"a": b"1"}))
    ok("put", "--tar", "--stage", "t.tar", "new")
    assert history(ok) == []
    ok("commit", "new", "-m", "what was staged")
    assert Path(ok("ls", "new").strip()).name == "a"


def test_urls_that_are_not_http_are_told_which_can_be_put(run, ok):
    ok("repo", "create", "made")
    done = run("put", "ftp://example.org/x", "made")
    assert (done.code, "http and https can be put" in done.err) == (1, True)
