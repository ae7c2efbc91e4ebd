"""`pfs store gc`: free the space of what nothing needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pfsfuse.cli import jsonout, text
from pfsfuse.cli.app import App, pass_app
from pfsfuse.cli.group import Command
from pfsfuse.cli.store.line import shown_progress

if TYPE_CHECKING:
    from store import GcPlan, Swept


@click.command(
    cls=Command,
    json=True,
    examples="""
    pfs store gc --dry-run  what would be freed
    pfs store gc  free it
    pfs store gc --wait 600  give running edits ten minutes to end
    """,
)
@click.option("-n", "--dry-run", is_flag=True, help="Say what would be freed, and change nothing.")
@click.option(
    "--wait",
    metavar="SECONDS",
    type=click.FloatRange(0, 86400),
    default=30.0,
    help="How long to wait for puts and other running edits to end; default: 30.",
)
@pass_app
def gc(app: App, dry_run: bool, wait: float) -> None:
    """Free the space of what nothing needs any more, so that it is used again.

    Needed is whatever a commit holds, on a branch or not, and the kept result of every datum. Safe beside mounts, jobs
    and commits. The database's file does not become smaller.
    """
    with app.open() as opened:
        with shown_progress("gc") as progress:
            plan = opened.plan_gc(lambda objects: progress("objects", objects, 0))
        if dry_run:
            print_plan(app, plan)
            return
        total = len(plan.empty) + len(plan.sparse)
        with shown_progress("gc") as progress:
            swept = opened.sweep(
                plan, patience_seconds=wait, progress=lambda done: progress("segments", done, total)
            )
        print_swept(app, swept)


def print_plan(app: App, plan: GcPlan) -> None:
    if app.json:
        jsonout.write(
            {
                "keep_objects": plan.keep,
                "drop_objects": plan.drop,
                "empty_segments": len(plan.empty),
                "sparse_segments": len(plan.sparse),
                "freed": plan.freed,
                "stored": plan.stored,
            }
        )
        return
    click.echo(
        f"would drop {plan.drop:,} of {text.plural(plan.keep + plan.drop, 'object')} "
        f"and free {text.size(plan.freed)} of {text.size(plan.stored)}"
    )


def print_swept(app: App, swept: Swept) -> None:
    if app.json:
        jsonout.write(
            {
                "dropped_objects": swept.dropped,
                "deleted_segments": swept.deleted,
                "moved_objects": swept.moved,
                "freed": swept.freed,
            }
        )
        return
    click.echo(f"dropped {text.plural(swept.dropped, 'object')}, freed {text.size(swept.freed)}")
