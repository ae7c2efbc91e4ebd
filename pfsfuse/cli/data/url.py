"""Sources that are URLs: what they are called. `download.py` gets them."""

from __future__ import annotations

from urllib.parse import unquote_to_bytes, urlsplit

from pfsfuse.cli.shared.errors import CommandError
from pfsfuse.cli.shared.text import safe

SCHEMES = ("http", "https")


def is_url(source: str) -> bool:
    """Whether it is meant as a URL: `http://` or `https://` in front, in any case."""
    return source.partition("://")[0].lower() in SCHEMES and "://" in source


def shown(url: str) -> str:
    """A URL without what may be secret: user, password, query and fragment; any other source as it is. For messages
    and commits.
    """
    if not is_url(url):
        return url
    try:
        parts = urlsplit(url)
    except ValueError:  # brackets that are no address
        return safe(url.partition("?")[0].rpartition("@")[2])
    host = parts.netloc.rpartition("@")[2]
    return safe(f"{parts.scheme}://{host}{parts.path}")


def own_name(url: str) -> bytes:
    """The name of a file at `url`: the last part of its path, decoded. Raises CommandError when that is no name."""
    import store

    try:
        path = urlsplit(url).path
    except ValueError:
        path = ""
    last = unquote_to_bytes(path.rpartition("/")[2])
    try:
        return store.names.file(last)
    except store.BadName:
        why = f"{shown(url)} ends in no name that a file can have; nothing was put"
        raise CommandError(why, hint="write REPO:PATH with the name it shall get") from None
