"""What `pfs store check --repair` does before it checks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pfsfuse.cli.shared import text
from pfsfuse.cli.store.line import shown_progress

if TYPE_CHECKING:
    from store import RepairPlan, Store

ROUNDS = 5
"""One mend may show what another one needs; two rounds are usual."""
SHOWN = 100
"""Mends to print."""


def repair(opened: Store, *, dry_run: bool, quiet: bool) -> list[str]:
    """Mend what can be mended, or only say what would be; each mend as a sentence."""
    said: list[str] = []
    for _ in range(1 if dry_run else ROUNDS):
        with shown_progress("repair") as progress:
            plan = opened.plan_repair(progress)
        if not plan.mends:
            break
        if not quiet:
            print_plan(plan, dry_run)
        said += [mend.what for mend in plan.mends]
        if not dry_run:
            opened.repair(plan)
    if not said and not quiet:
        click.echo("nothing can be mended")
    return said


def print_plan(plan: RepairPlan, dry_run: bool) -> None:
    for mend in plan.mends[:SHOWN]:
        click.echo(f"{'would mend' if dry_run else 'mend'}: {text.safe(mend.what)}")
    if len(plan.mends) > SHOWN:
        click.echo(f"and {len(plan.mends) - SHOWN:,} more; --json lists them")
