"""`pfs pipeline`: standing orders. What is deployed, what is shown, what is told to go and to stop."""

from __future__ import annotations

import click

from pfsfuse.cli.pipelines.deploying import create, edit, update
from pfsfuse.cli.pipelines.showing import list_, log, show, spec
from pfsfuse.cli.pipelines.standing import delete, run, run_cron, start, stop
from pfsfuse.cli.shared.group import Group


@click.command(
    cls=Group,
    examples="""
    pfs pipeline create -f sales.yaml  from a specification
    pfs pipeline list  and how their newest jobs went
    pfs pipeline update -f sales.yaml  when the specification has changed
    pfs wait trips  until what they compute from trips is there
    """,
)
def pipeline() -> None:
    """Create, update, run, list, show and delete pipelines."""


for verb in (create, update, edit, delete, start, stop, run, run_cron, list_, show, spec, log):
    pipeline.add_command(verb)
