"""What is staged for branches, for the commands that show it: the draft against the head that it was made on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from pfsfuse.cli.shared import difftext, jsonout, text
from pfsfuse.cli.shared.address import str_commit

if TYPE_CHECKING:
    from store import Change, Repo, Standing, Store


def changes_of(store: Store, standing: Standing) -> Iterator[Change]:
    """What the draft adds, modifies and deletes; nothing without a draft."""
    draft = standing.draft
    return iter(()) if draft is None else store.diff(standing.base_tree, draft.tree)


def of_file(change: Change) -> bool:
    """Whether it is about a file or a symlink, on either side."""
    return any(each is not None and not each.is_dir for each in (change.old, change.new))


def moved(repo: Repo, standing: Standing) -> bool:
    """Whether the branch's head is another than the one that the draft was made on."""
    draft, head = standing.draft, standing.head
    return draft is not None and (head and head.id) != draft.base


def print_status(store: Store, repo: Repo, branch: str, standing: Standing) -> None:
    """Where the branch is, and a line for each path that is staged."""
    name = f"{repo.name}@{branch}"
    head = "no commit yet" if standing.head is None else str_commit(standing.head, branch)
    if standing.draft is None:
        click.echo(f"{click.style(name, bold=True)}: nothing is staged on {head}")
        return
    base = "no commit" if standing.base is None else str_commit(standing.base, branch)
    since = f"; the branch is at {head} now, and `pfs commit` merges" if moved(repo, standing) else ""
    click.echo(f"{click.style(name, bold=True)}: staged on {base}{since}")
    shown = False
    for change in changes_of(store, standing):
        click.echo(difftext.line(change))
        shown = True
    if not shown:
        click.echo("only times differ")


def as_json(store: Store, repo: Repo, branch: str, standing: Standing) -> jsonout.Json:
    return {
        "repo": repo.name,
        "branch": branch,
        "head": jsonout.commit(standing.head) if standing.head else None,
        "base": jsonout.commit(standing.base) if standing.base else None,
        "staged": text.iso(standing.draft.changed_ns) if standing.draft else None,
        "changes": [difftext.as_json(change) for change in changes_of(store, standing)],
    }
