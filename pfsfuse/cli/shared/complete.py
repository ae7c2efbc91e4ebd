"""What can be typed next, from the store: repos, then branches and tags after @, then paths after the colon.

Completion runs at every press of Tab and must never complain: without a store there is nothing to offer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import TYPE_CHECKING

import click

from pfsfuse.cli.shared.app import App

if TYPE_CHECKING:
    from store import Store

MOST = 1000
"""Names offered at most: beyond that, nobody reads them and the shell takes seconds."""


def repos(context: click.Context, incomplete: str) -> list[str]:
    return _offered(context, incomplete, lambda store: (repo.name for repo in store.repos()))


def references(context: click.Context, incomplete: str) -> list[str]:
    return _offered(context, incomplete, lambda store: _references(store, incomplete))


def pipelines(context: click.Context, incomplete: str) -> list[str]:
    return _offered(
        context, incomplete, lambda store: (repo.name for repo in store.repos() if repo.origin == "pipeline")
    )


def _offered(context: click.Context, incomplete: str, names: Callable[[Store], Iterator[str]]) -> list[str]:
    import store
    from pfsfuse.errors import PfsError

    app = context.find_object(App) or App()
    try:
        with app.open() as opened:
            return list(islice((name for name in names(opened) if name.startswith(incomplete)), MOST))
    except (store.StoreError, PfsError, OSError):
        return []


def _references(store: Store, incomplete: str) -> Iterator[str]:
    before, colon, path = incomplete.partition(":")
    if colon:
        yield from _paths(store, before, path)
    elif "@" in before:
        repo = before.partition("@")[0]
        found = store.repo(repo)
        for each in found.branches():
            yield f"{repo}@{each.name}"
        for tag in found.tags():
            yield f"{repo}@{tag.name}"
    else:
        yield from (repo.name for repo in store.repos())


def _paths(store: Store, reference: str, path: str) -> Iterator[str]:
    commit = store.resolve(reference).commit
    if commit is None:
        return
    folder = path.rpartition("/")[0]
    for entry in commit.list(folder):
        below = f"{folder}/" if folder else ""
        end = "/" if entry.is_dir else ""
        yield f"{reference}:{below}{entry.name.decode('utf-8', 'surrogateescape')}{end}"
