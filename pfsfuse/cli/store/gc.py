"""`pfs store gc`: free the space of what nothing needs, and give it back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pfsfuse.cli.shared import jsonout, text
from pfsfuse.cli.shared.app import App, pass_app
from pfsfuse.cli.shared.group import Command
from pfsfuse.cli.store.line import shown_progress

if TYPE_CHECKING:
    from store import Compacted, GcPlan, Room, Swept


@click.command(
    cls=Command,
    json=True,
    examples="""
    pfs store gc --dry-run  what would be freed
    pfs store gc  free it
    pfs store gc --compact  and give the space back to the file system
    pfs store gc --wait 600  give running edits ten minutes to end
    """,
)
@click.option("-n", "--dry-run", is_flag=True, help="Say what would be freed, and change nothing.")
@click.option("--compact", is_flag=True, help="Give free space back to the file system, too.")
@click.option(
    "--wait",
    metavar="SECONDS",
    type=click.FloatRange(0, 86400),
    default=30.0,
    help="How long to wait for puts and other running edits to end; default: 30.",
)
@pass_app
def gc(app: App, dry_run: bool, compact: bool, wait: float) -> None:
    """Free the space of what nothing needs any more, so that it is used again.

    Needed is whatever a commit holds, on a branch or not, and the kept result of every datum. Safe beside mounts, jobs
    and commits, also with --compact: then the database takes less of the disk (see `du`), though its file has the same
    length as before.
    """
    with app.open() as opened:
        with shown_progress("gc") as progress:
            plan = opened.plan_gc(lambda objects: progress("objects", objects, 0))
        if dry_run:
            print_plan(app, plan, opened.plan_compact() if compact else None)
            return
        total = len(plan.empty) + len(plan.sparse)
        with shown_progress("gc") as progress:
            swept = opened.sweep(
                plan, patience_seconds=wait, progress=lambda done: progress("segments", done, total)
            )
        done = None
        if compact:
            with shown_progress("compact") as progress:
                done = opened.compact(lambda pages, all_pages: progress("pages", pages, all_pages))
        print_swept(app, swept, done)


def print_plan(app: App, plan: GcPlan, room: Room | None) -> None:
    if app.json:
        found: jsonout.Json = {
            "keep_objects": plan.keep,
            "drop_objects": plan.drop,
            "empty_segments": len(plan.empty),
            "sparse_segments": len(plan.sparse),
            "freed": plan.freed,
            "stored": plan.stored,
        }
        if room is not None:
            found |= {"free_pages": room.free, "returnable": room.returnable}
        jsonout.write(found)
        return
    click.echo(
        f"would drop {plan.drop:,} of {text.plural(plan.keep + plan.drop, 'object')} "
        f"and free {text.size(plan.freed)} of {text.size(plan.stored)}"
    )
    if room is not None:
        click.echo(f"would give back that and {text.size(room.returnable)} of pages that are free already")


def print_swept(app: App, swept: Swept, compacted: Compacted | None) -> None:
    if app.json:
        done: jsonout.Json = {
            "dropped_objects": swept.dropped,
            "deleted_segments": swept.deleted,
            "moved_objects": swept.moved,
            "freed": swept.freed,
        }
        if compacted is not None:
            done |= {
                "returned": compacted.returned,
                "database": compacted.stored,
                "kept_for_readers": compacted.kept,
            }
        jsonout.write(done)
        return
    click.echo(f"dropped {text.plural(swept.dropped, 'object')}, freed {text.size(swept.freed)}")
    if compacted is not None:
        kept = f"; {text.size(compacted.kept)} more once old readers end" if compacted.kept else ""
        click.echo(
            f"gave back {text.size(compacted.returned)}, takes {text.size(compacted.stored)} on disk{kept}"
        )
