"""`pfs store`: whether it is sound, copies of it, freeing its space, measuring it. A file for each verb."""

from __future__ import annotations

import click

from pfsfuse.cli.shared.group import Group
from pfsfuse.cli.store.check import check
from pfsfuse.cli.store.copy import copy
from pfsfuse.cli.store.gc import gc
from pfsfuse.cli.store.salvage import salvage
from pfsfuse.cli.store.stats import stats
from pfsfuse.cli.store.upgrade import upgrade


@click.command(
    cls=Group,
    examples="""
    pfs store check  is it sound?
    pfs store gc  free what deleted repos held
    pfs store copy /backup/pfs  while everything goes on
    pfs store salvage /new/store  what can still be read, when it is damaged
    pfs store stats  how large is it, and what would copies take?
    """,
)
def store() -> None:
    """Check the store, copy it, free its space, and measure it."""


for verb in (check, gc, stats, copy, salvage, upgrade):
    store.add_command(verb)
