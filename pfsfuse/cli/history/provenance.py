"""`pfs provenance`: the graph of what was computed from what."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pfsfuse.cli.shared import jsonout, text
from pfsfuse.cli.shared.address import Reference, commit_only
from pfsfuse.cli.shared.app import App, pass_app
from pfsfuse.cli.shared.errors import CommandError
from pfsfuse.cli.shared.group import Command

if TYPE_CHECKING:
    from pfsfuse.cli.history.lineage import Key, Lineage

DRAWN = ("svg", "png", "pdf")


@click.command(
    cls=Command,
    json=True,
    examples="""
    pfs provenance sales@master.31  what it was computed from
    pfs provenance --down trips@master.31  what was computed from it
    pfs provenance sales --dot > sales.dot  for Graphviz
    pfs provenance sales -o sales.svg  as a picture: svg, png or pdf
    """,
)
@click.argument("ref", metavar="REPO[@REF]", type=Reference())
@click.option("--down", is_flag=True, help="What was computed from it, instead of what it was computed from.")
@click.option("-d", "--depth", type=click.IntRange(min=1), metavar="N", help="At most N steps; default: all.")
@click.option("--dot", "as_text", is_flag=True, help="Print the graph in Graphviz's language.")
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Draw the graph into this file (.svg, .png, .pdf), with Graphviz.",
)
@pass_app
def provenance(app: App, ref: str, down: bool, depth: int | None, as_text: bool, output: Path | None) -> None:
    """Show what a commit was computed from, step by step up to the data that people put.

    A commit that stands in the tree more than once is followed where it stands first.
    """
    from pfsfuse.cli.history.lineage import as_dot, drawn, shown, trace

    program = drawing_program(output) if output is not None else ""
    with app.open() as opened:
        graph = trace(opened, commit_only(opened, ref), down=down, depth=depth)
        if output is not None:
            draw(program, as_dot(graph), output)
        elif as_text:
            click.echo(as_dot(graph), nl=False)
        elif app.json:
            jsonout.write(as_json(graph))
        else:
            text.lines(
                f"{before}{shown(key, graph.commits[key])}  {str(key[1])[:8]}"
                + (f"  {state(graph, key)}" if state(graph, key) else "")
                + ("  (above)" if again else "")
                for before, key, again in drawn(graph)
            )


def state(graph: Lineage, key: Key) -> str:
    """What is remarkable about a commit."""
    commit = graph.commits[key]
    if commit is None:
        return "gone"
    return "" if commit.state == "finished" else commit.state


def as_json(graph: Lineage) -> dict[str, object]:
    from pfsfuse.cli.history.lineage import shown

    return {
        "root": {"repo": graph.root[0], "id": str(graph.root[1])},
        "commits": [
            {
                "repo": key[0],
                "id": str(key[1]),
                "name": shown(key, commit),
                "branch": commit.branch if commit else None,
                "state": commit.state if commit else "gone",
                "origin": commit.origin if commit else None,
                "finished": text.iso(commit.finished_ns) if commit else None,
            }
            for key, commit in graph.commits.items()
        ],
        "edges": [
            {
                "from": {"repo": source[0], "id": str(source[1])},
                "to": {"repo": target[0], "id": str(target[1])},
            }
            for source, target in graph.edges()
        ],
    }


def drawing_program(output: Path) -> str:
    """Graphviz's `dot`, asked for before anything is computed."""
    if output.suffix.lstrip(".").lower() not in DRAWN:
        raise CommandError(
            f"{text.safe(str(output))}: the name says no kind of picture that can be drawn",
            hint=f"end it with .{', .'.join(DRAWN)}",
        )
    if (found := shutil.which("dot")) is None:
        raise CommandError(
            "Graphviz is not installed, which draws the picture",
            hint="`apt install graphviz`, or take --dot to draw it elsewhere",
        )
    return found


def draw(program: str, graph: str, output: Path) -> None:
    kind = output.suffix.lstrip(".").lower()
    done = subprocess.run(
        [program, f"-T{kind}", "-o", str(output)], input=graph, text=True, capture_output=True, check=False
    )
    if done.returncode != 0:
        said = text.first_line(done.stderr.strip()) or f"exit code {done.returncode}"
        raise CommandError(f"Graphviz could not draw {text.safe(str(output))}: {text.safe(said)}")
