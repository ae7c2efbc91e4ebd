"""What a command line that was refused may have been meant to be: with the same words, in another order or shape.

People bring the shapes of other programs: `merge trips dev` for `merge trips trips@dev`, `cat trips a.csv` for `cat
trips:a.csv`, `tag create trips v1`. What they wrote is taken apart, words that are refs or paths of a repo that stands
beside them are joined to it, and the result is offered where it fits what the command takes. Nothing is guessed: each
name in what is offered was written, or is the only one that there is.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import TYPE_CHECKING

import click

from pfsfuse.cli.meant.known import Known, as_address, join, without_bare
from pfsfuse.cli.meant.line import Line, apart
from pfsfuse.cli.meant.shapes import SPECIAL, quotes

if TYPE_CHECKING:
    from pfsfuse.cli.shared.app import App
    from store import Store

__all__ = ["hint", "meant"]

MOST = 100
"""Repos that are looked at."""


PAIRS = ("merge", "diff", "cherry-pick")
"""They take two commits, and of one repo in general: a repo alone is as good a word as any."""

GLOBS = ("find", "glob")
"""They take a commit, and a pattern that no file need be called."""

APART = ("put", "repo create", "mount", "store copy", "bundle import", "bundle show", "bundle verify")
"""They take files of the host, or names for something new."""

ALONE = ("repo delete", "repo show", "drop", "revert", "branch delete", "tag delete")
"""Nobody means the only repo there is when they name none."""


def hint(root: click.Group, arguments: Sequence[str], app: App) -> str:
    """What `arguments`, which were refused, may have been meant to be, as a question; "" if nothing comes to mind."""
    import store
    from pfsfuse.errors import PfsError

    line = apart(root, arguments)
    if line is None or not line.verb:
        return ""
    try:
        with app.open() as opened:
            names = tuple(each.name for each in islice(opened.repos(), MOST))
            return meant(line, Known(names, lambda word: _is_there(opened, word)))
    except (store.StoreError, PfsError, OSError, click.ClickException):
        return ""  # what was said is said all the same


def meant(line: Line, known: Known) -> str:
    """The same, of what a store has. Pure, but for asking whether files of the host are there."""
    if found := quotes(line, known):
        return found
    words = tuple(as_address(each, known) for each in line.words)
    for special in SPECIAL.get(line.verb, ()):
        if found := special(line, words, known):
            return found
    if line.is_noun or line.verb in APART:
        return ""
    joined = words if line.verb in GLOBS else join(words, known)
    is_pair = line.verb in PAIRS
    if len(joined) > 2 or (line.most != 2 and not is_pair) or line.verb == "get":
        joined = without_bare(joined)
    if (
        line.least == 2
        and is_pair
        and len(joined) == 1
        and (repo := known.repo(joined[0]))
        and repo != joined[0]
    ):
        joined = (repo, *joined) if line.verb == "merge" else (*joined, repo)
    if len(joined) == line.least - 1 and len(known.repos) == 1 and line.verb not in ALONE:
        joined = (known.repos[0], *joined)
    fits = line.least <= len(joined) and (line.most is None or len(joined) <= line.most)
    names = joined[:1] if line.verb in GLOBS else joined
    return line.said(*joined) if fits and names and all(map(known.repo, names)) else ""


def _is_there(store: Store, word: str) -> bool:
    from store import StoreError

    try:
        target = store.resolve(word)
        return not target.path or (target.commit is not None and target.commit.find(target.path) is not None)
    except StoreError:
        return False
