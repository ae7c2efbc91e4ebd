"""How repos are shown: in a list, and one by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pfsfuse.cli.shared import jsonout, text
from pfsfuse.cli.shared.address import str_commit

if TYPE_CHECKING:
    from pfsfuse.cli.shared.app import App
    from store import Commit, Repo


def is_shown(repo: Repo) -> bool:
    """Whether people would look for it in a list: not the repo of a cron input."""
    return repo.origin != "cron"


def as_json(found: Repo) -> jsonout.Json:
    head = found.head()
    return {
        "name": found.name,
        "description": found.description,
        "origin": found.origin,
        "created": text.iso(found.created_ns),
        "default_branch": found.default_branch,
        "head": jsonout.commit(head) if head else None,
        "branches": {each.name: str(each.head) if each.head else None for each in found.branches()},
        "tags": {each.name: str(each.commit) for each in found.tags()},
    }


def print_repos(repos: list[tuple[Repo, Commit | None]]) -> None:
    if not repos:
        click.echo("no repos yet; `pfs repo create NAME` makes one", err=True)
        return
    lines = []
    for found, head in repos:
        lines.append(
            (
                found.name,
                f"{found.default_branch}.{head.depth}" if head else "(empty)",
                f"{head.tree.files:,}" if head else "0",
                text.size(head.tree.size) if head else "0 B",
                text.day(head.finished_ns) if head else "",
                text.safe(text.first_line(found.description)),
            )
        )
    text.table(("REPO", "HEAD", "FILES>", "SIZE>", "CHANGED", "DESCRIPTION"), lines)


def describe(app: App, found: Repo) -> None:
    if app.json:
        jsonout.write(as_json(found))
        return
    head = found.head()
    text.fields(
        [
            ("repo", found.name),
            ("description", text.safe(found.description)),
            ("made by", found.origin),
            ("created", text.when(found.created_ns)),
            ("head", str_commit(head, found.default_branch) if head else "(no commits yet)"),
            (
                "content",
                f"{text.plural(head.tree.files, 'file')}, {text.size(head.tree.size)}" if head else "",
            ),
            ("branches", ", ".join(each.name for each in found.branches())),
            ("tags", ", ".join(each.name for each in found.tags())),
        ]
    )
