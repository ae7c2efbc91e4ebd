"""`pfs store upgrade`: bring a store that an earlier version made to what this one can do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pfsfuse.cli.shared import jsonout, text
from pfsfuse.cli.shared.app import App, pass_app
from pfsfuse.cli.shared.group import Command

if TYPE_CHECKING:
    from store import UpgradePlan


@click.command(
    cls=Command,
    json=True,
    examples="""
    pfs store upgrade --dry-run  is there anything to do?
    pfs store upgrade  do it
    """,
)
@click.option("-n", "--dry-run", is_flag=True, help="Say what would be done, and change nothing.")
@pass_app
def upgrade(app: App, dry_run: bool) -> None:
    """Give a store that an earlier version made what this version can do.

    Never needed for reading and writing: every version opens the stores of those before it. Afterwards earlier versions
    refuse to open it. All or nothing, also when it is killed.
    """
    with app.open() as opened:
        plan = opened.plan_upgrade() if dry_run else opened.upgrade()
        features = opened.header.features
    if app.json:
        jsonout.write(plan_json(plan, done=not dry_run, features=features))
    else:
        print_plan(plan, dry_run)


def plan_json(plan: UpgradePlan, *, done: bool, features: tuple[str, ...]) -> jsonout.Json:
    return {
        "format": plan.format,
        "features": list(features),
        "done": done,
        "steps": [{"feature": step.feature, "what": step.what, "alone": step.alone} for step in plan.steps],
    }


def print_plan(plan: UpgradePlan, dry_run: bool) -> None:
    for step in plan.steps:
        alone = "; nothing else may use the store meanwhile" if step.alone and dry_run else ""
        click.echo(f"{'would add' if dry_run else 'added'} {step.feature}: {text.safe(step.what)}{alone}")
    if not plan.steps:
        click.echo(f"nothing to do: the store has everything that this version can do (format {plan.format})")
