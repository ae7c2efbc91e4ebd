"""`pfs store stats`: logical, unique and stored bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pfsfuse.cli.shared import jsonout, text
from pfsfuse.cli.shared.app import App, pass_app
from pfsfuse.cli.shared.group import Command

if TYPE_CHECKING:
    from store import RepoStats, Stats


@click.command(
    cls=Command,
    json=True,
    examples="""
    pfs store stats  sizes and ratios
    pfs store stats --json  for charts
    """,
)
@pass_app
def stats(app: App) -> None:
    """Measure the store: logical, unique and stored bytes, by repo and altogether."""
    with app.open() as opened:
        found = opened.stats()
    if app.json:
        jsonout.write(stats_json(found))
    else:
        print_stats(found)


def print_stats(found: Stats) -> None:
    text.table(
        ("REPO", "COMMITS>", "FILES>", "HEAD>", "ALL COMMITS>", "UNIQUE>"),
        (
            (
                each.repo,
                f"{each.commits:,}",
                f"{each.files:,}",
                text.size(each.head),
                text.size(each.logical),
                text.size(each.unique),
            )
            for each in found.repos
        ),
    )
    click.echo()
    text.fields(
        [
            ("all commits", f"{text.size(found.logical)} as copies"),
            ("unique", f"{text.size(found.unique)}{_less(found.deduplication, ' with directories')}"),
            ("stored", f"{text.size(found.stored)}{_less(found.compression, ' with what segments take')}"),
            ("on disk", f"{text.size(found.database)} with indexes and free pages"),
        ]
    )


def _less(times: float, otherwise: str) -> str:
    """How many times less it is; `otherwise` where what is kept beside the files outweighs that."""
    return f", {times:.1f} times less" if times >= 1.05 else otherwise


def stats_json(found: Stats) -> jsonout.Json:
    return {
        "logical": found.logical,
        "unique": found.unique,
        "stored": found.stored,
        "database": found.database,
        "objects": found.objects,
        "segments": found.segments,
        "deduplication": round(found.deduplication, 3),
        "compression": round(found.compression, 3),
        "repos": [repo_json(each) for each in found.repos],
    }


def repo_json(each: RepoStats) -> jsonout.Json:
    return {
        "repo": each.repo,
        "commits": each.commits,
        "files": each.files,
        "head": each.head,
        "logical": each.logical,
        "unique": each.unique,
    }
