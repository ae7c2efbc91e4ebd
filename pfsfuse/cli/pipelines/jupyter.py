"""`pfs jupyter`: JupyterLab on exact commits."""

from __future__ import annotations

import click

from pfsfuse.cli.pipelines.service import announce
from pfsfuse.cli.shared.address import Reference
from pfsfuse.cli.shared.app import App, pass_app
from pfsfuse.cli.shared.group import Command


@click.command(
    cls=Command,
    json=True,
    examples="""
    pfs jupyter trips@master.31 weather@master.31 sales  three repos, below /pfs
    pfs jupyter trips@master.30 trips@master.31  two commits of one repo
    pfs jupyter  everything, as in the mount
    pfs jupyter trips --port 9999 --name rain  beside another one
    """,
)
@click.argument("refs", metavar="[REPO[@REF]]...", nargs=-1, type=Reference())
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    default=8888,
    show_default=True,
    help="On 127.0.0.1, for the browser.",
)
@click.option(
    "--name", default="jupyter", show_default=True, help="Of the service, and of the repo it saves to."
)
@pass_app
def jupyter(app: App, refs: tuple[str, ...], port: int, name: str) -> None:
    """Open JupyterLab on repos at exact commits.

    Each REPO shows as /pfs/REPO and never changes; several commits of one show as /pfs/REPO-REF. Without REPO it sees
    the whole mount. What is saved in /pfs/out is committed when the service stops: `pfs service stop NAME`. Prints the
    address to open, with its token.
    """
    from pfsfuse.service import start_jupyter

    with app.open() as opened:
        made = start_jupyter(opened, refs, port=port, name=name)
        announce(app, made)
