"""Getting what is at a URL: http and https, streamed, and whole or an error.

What may go wrong on the way must not be taken for data. An error is: a body that ends before its Content-Length or in
the middle of a chunk, every status but 200, a redirect to anything but http(s) or from https down to http, more than
MAX_REDIRECTS of them, a body that was encoded although we asked for none of that, a silence of TIMEOUT_SECONDS. Proxies
are those of the environment, as for other programs. A body without a length, which ends where the connection does,
cannot be checked.
"""

from __future__ import annotations

import http.client
import io
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import Message
from typing import IO, BinaryIO, cast
from urllib.parse import urlsplit

from pfsfuse.cli.data.url import SCHEMES, shown
from pfsfuse.cli.shared.errors import CommandError
from pfsfuse.cli.shared.text import safe

TIMEOUT_SECONDS = 60.0
"""How long to wait for the connection, and for each piece of the answer."""
MAX_REDIRECTS = 5
PIECE = 1 << 18


@contextmanager
def open_url(url: str) -> Iterator[BinaryIO]:
    """What is at `url`, as a stream that raises CommandError unless it is whole."""
    try:
        parts = urlsplit(url)
        valid = bool(parts.hostname) and (parts.port or 80) > 0
    except ValueError:
        raise CommandError(f"{safe(url.partition('?')[0])} is not a URL; nothing was put") from None
    if not valid or not url.isascii() or any(each.isspace() or each < "!" for each in url):
        raise CommandError(
            f"{shown(url)} is not a URL; nothing was put", hint="percent-encode what is special"
        )
    if parts.username is not None:
        raise CommandError(
            f"{shown(url)} has a password in front of its host, which would be seen in the list of processes",
            hint="get it with another program, and put its output: `… | pfs put - REPO:PATH`",
        )
    request = urllib.request.Request(url, headers={"Accept-Encoding": "identity", "User-Agent": "pfs"})  # noqa: S310
    with _failing(url):
        response = cast(http.client.HTTPResponse, _opener().open(request, timeout=TIMEOUT_SECONDS))
    with response:
        if response.status != 200:
            raise CommandError(f"{shown(url)}: status {response.status}; nothing was put")
        encoding = response.headers.get("Content-Encoding", "identity")
        if encoding != "identity":
            raise CommandError(
                f"{shown(url)}: the server gives it only encoded as {safe(encoding)}; nothing was put"
            )
        yield cast(BinaryIO, io.BufferedReader(_Body(url, response), PIECE))


def _opener() -> urllib.request.OpenerDirector:
    """Speaks http and https and nothing else: no files, no ftp, wherever a redirect leads."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler,
        urllib.request.HTTPHandler,
        urllib.request.HTTPSHandler,
        urllib.request.HTTPDefaultErrorHandler,
        urllib.request.HTTPErrorProcessor,
        _Redirects,
    ):
        opener.add_handler(handler())
    return opener


class _Redirects(urllib.request.HTTPRedirectHandler):
    max_redirections = MAX_REDIRECTS
    max_repeats = MAX_REDIRECTS

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: Message,
        newurl: str,
    ) -> urllib.request.Request | None:
        scheme = urlsplit(newurl).scheme.lower()
        if scheme not in SCHEMES:
            where = f"to {safe(scheme)}:"
        elif scheme == "http" and urlsplit(req.full_url).scheme.lower() == "https":
            where = "from https to http"
        else:
            return super().redirect_request(req, fp, code, msg, headers, newurl)  # type: ignore[arg-type]  # as above
        fp.close()
        raise CommandError(f"{shown(req.full_url)} leads {where}, which is not followed")


class _Body(io.RawIOBase):
    """The bytes of an answer, which has as many as it says, or CommandError."""

    def __init__(self, url: str, response: http.client.HTTPResponse) -> None:
        self._url, self._response = url, response
        self._expected = response.length
        """None: it ends where the connection does, or comes in chunks, of which the last says so."""
        self._got = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # RawIOBase says Buffer, a 3.12 name
        with _failing(self._url):
            piece = self._response.read(len(buffer))
        self._got += len(piece)
        if not piece and len(buffer) and self._expected is not None and self._got != self._expected:
            raise CommandError(
                f"{shown(self._url)} was cut short: {self._got} of {self._expected} bytes came; nothing was put",
                hint="try again",
            )
        buffer[: len(piece)] = piece
        return len(piece)


@contextmanager
def _failing(url: str) -> Iterator[None]:
    """What the library raises, as a line that names the URL."""
    try:
        yield
    except urllib.error.HTTPError as error:
        error.close()
        why = f"{error.code} {error.reason}"
        if "not allowed" in error.msg:
            why = f"{error.code}, which leads to what is not http"
        elif "redirect" in error.msg:
            why = f"it is redirected more than {MAX_REDIRECTS} times"
        raise CommandError(f"{shown(url)}: {safe(why)}; nothing was put") from None
    except TimeoutError:
        raise CommandError(
            f"{shown(url)}: no answer for {TIMEOUT_SECONDS:.0f} seconds; nothing was put", hint="try again"
        ) from None
    except urllib.error.URLError as error:
        raise CommandError(f"{shown(url)}: {safe(_reason(error.reason))}; nothing was put") from None
    except http.client.IncompleteRead:
        raise CommandError(f"{shown(url)} was cut short; nothing was put", hint="try again") from None
    except (http.client.HTTPException, ValueError) as error:
        raise CommandError(
            f"{shown(url)}: the answer is not HTTP ({type(error).__name__}); nothing was put"
        ) from None
    except OSError as error:
        raise CommandError(
            f"{shown(url)}: {safe(_reason(error))}; nothing was put", hint="try again"
        ) from None


def _reason(reason: object) -> str:
    return (reason.strerror or str(reason)) if isinstance(reason, OSError) else str(reason)
