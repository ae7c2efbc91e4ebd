"""`pfs glob`: what a pipeline's glob matches, and captures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from pfsfuse.cli.data.ls import shown
from pfsfuse.cli.shared import jsonout, text
from pfsfuse.cli.shared.address import Reference, readable
from pfsfuse.cli.shared.app import App, pass_app
from pfsfuse.cli.shared.group import Command

if TYPE_CHECKING:
    from pfsfuse.pipeline import Glob
    from store import Entry


@click.command(
    cls=Command,
    json=True,
    examples="""
    pfs glob trips '/*'  the datums of a pipeline with this glob
    pfs glob trips@master.31 '/(*)-(*)-16'  with what each (...) captures
    pfs glob trips '/!(*.tmp)'  all but some
    """,
)
@click.argument("ref", metavar="REPO[@REF]", type=Reference())
@click.argument("pattern")
@pass_app
def glob(app: App, ref: str, pattern: str) -> None:
    """List what a glob matches, as pipelines do: one datum a line.

    PATTERN describes whole paths: * ? [a-z] {a,b} and ** for any depth; (a|b) *(a|b) +(a|b) ?(a|b) !(a|b) also
    capture. "/" alone is the whole repo. What is captured, for join_on and group_by, stands behind the path. Quote it,
    or your shell reads it first.
    """
    from pfsfuse.pipeline import compile_glob, iter_matches

    compiled = compile_glob(pattern)
    with app.open() as opened:
        place = readable(opened, ref)
        if place.path:
            raise click.UsageError("a glob describes whole paths: REPO[@REF], without a path")
        found = iter_matches(place.commit, compiled)
        if app.json:
            jsonout.write_list(_as_json(compiled, path, entry) for path, entry in found)
        else:
            count = text.lines(_line(compiled, path, entry) for path, entry in found)
            if not count:
                click.echo(f"nothing in {text.safe(ref)} matches {text.safe(pattern)!r}", err=True)


def _as_json(glob: Glob, path: bytes, entry: Entry) -> dict[str, Any]:
    return {**jsonout.entry(path, entry), "captures": list(glob.captures(path) or ())}


def _line(glob: Glob, path: bytes, entry: Entry) -> str:
    captured = (f"${number} {text.safe(each)}" for number, each in enumerate(glob.captures(path) or (), 1))
    return "  ".join(("/" if not path else shown(path, entry), *captured))
