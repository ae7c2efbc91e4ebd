"""What a mount is to show instead of all repos, as it is given on the command line or in /etc/fstab."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pfsfuse.cli.shared.errors import CommandError
from pfsfuse.cli.shared.text import safe

if TYPE_CHECKING:
    from store import Store

RESERVED = (".", "..", ".pfs")


def views(store: Store, given: Sequence[str]) -> dict[str, str]:
    """Names and the REPO[@REF] that each stands for, of `NAME=REPO[@REF]` or `REPO[@REF]`, which is its own name.

    Raises what the store raises for one that does not exist, CommandError for a name that cannot be.
    """
    found: dict[str, str] = {}
    for text in given:
        before, named, after = text.partition("=")
        name, ref = (before, after) if named else (text, text)
        if not name or "/" in name or name in RESERVED or len(name.encode("utf-8", "surrogateescape")) > 255:
            raise CommandError(
                f"--view {safe(text)!r}: {safe(name)!r} cannot be the name of a directory",
                hint="write [NAME=]REPO[@REF]",
            )
        if name in found:
            raise CommandError(
                f"two views are called {safe(name)}", hint="give one of them another name: NAME=REF"
            )
        for end in _ends(ref):
            if store.resolve(end).path:
                raise CommandError(f"{safe(text)} names a path", hint="a view is of a whole branch or commit")
        found[name] = ref
    return found


def _ends(ref: str) -> list[str]:
    """A ref, or what both ends of a range name."""
    repo, _, range_ = ref.partition("@")
    if ".." not in range_:
        return [ref]
    return [f"{repo}@{end}" if end else repo for end in range_.split("..", 1)]
