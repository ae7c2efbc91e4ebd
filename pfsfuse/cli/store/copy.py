"""`pfs store copy`: a consistent copy of a store that is in use."""

from __future__ import annotations

import os

import click

from pfsfuse.cli.shared import jsonout, text
from pfsfuse.cli.shared.app import App, pass_app
from pfsfuse.cli.shared.group import Command
from pfsfuse.cli.store.child import exit_as_child
from pfsfuse.cli.store.line import shown_progress
from pfsfuse.errors import WorktreeError


@click.command(
    cls=Command,
    json=True,
    examples="""
    pfs store copy /backup/pfs-2016-07-31  all repos as they are now
    pfs store copy --read-data /backup/pfs  and read it all again to be sure
    pfs --store /backup/pfs repo list  a copy is a store
    """,
)
@click.argument("dest", type=click.Path())
@click.option("--read-data", is_flag=True, help="Verify every byte of every file of the copy.")
@click.option("--within", is_flag=True, hidden=True, help="Do not start a process for it.")
@pass_app
def copy(app: App, dest: str, read_data: bool, within: bool) -> None:
    """Copy the store to a new or empty directory, as it is at this moment, while everything else goes on.

    The copy has every repo with its drafts, what was written through mounts among them, and no free pages. It is
    checked, and is at DEST only when it is whole and on the disk. Not copied: logs, and what services have not
    committed yet.
    """
    if not within:
        flags = ["--read-data"] if read_data else []
        exit_as_child(
            app, ["copy", *flags, "--", os.path.abspath(dest)], "`pfs store salvage` gets out what it can"
        )
    app.supervised = True
    with app.open(drafts=True) as opened, shown_progress("copy") as progress:
        done = opened.copy(dest, read_data=read_data, progress=progress)
    if app.json:
        jsonout.write(
            {
                "path": str(done.path),
                "size": done.size,
                "repos": done.report.repos,
                "commits": done.report.commits,
                "objects": done.report.objects,
                "read_data": read_data,
            }
        )
    else:
        found = f"{text.plural(done.report.repos, 'repo')} with {text.plural(done.report.commits, 'commit')}"
        click.echo(f"{text.safe(str(done.path))}: {found}, {text.size(done.size)}")
    if app.not_staged:
        raise WorktreeError(f"not in the copy: {app.not_staged[0]}", hint=app.not_staged[0].hint)
