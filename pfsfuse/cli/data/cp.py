"""`pfs cp`: files and directories of any commit, in another place too."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pfsfuse.cli.data.copying import Source, plan
from pfsfuse.cli.shared.address import Reference, first_commit, writable
from pfsfuse.cli.shared.app import App, pass_app
from pfsfuse.cli.shared.change import Manner, described, on_head, options, stage_option, tell
from pfsfuse.cli.shared.errors import CommandError
from pfsfuse.cli.shared.group import Command
from pfsfuse.cli.shared.text import safe

if TYPE_CHECKING:
    from store import Commit, Draft, Edit, Stage, Store


@click.command(
    cls=Command,
    examples="""
    pfs cp trips:7-01-16 trips:first  a file, under another name
    pfs cp trips@master.3:7-01-16 trips:7-01-16  as it was in the third commit
    pfs cp -r trips:2015 trips@dev:2016 archive:trips/  directories, to another repo
    pfs cp -r trips@master.31 archive:july  all of a commit
    pfs cp --stage trips:7-01-16 archive:  with more to come, before `pfs commit`
    """,
)
@click.argument("sources", metavar="REPO[@REF][:PATH]...", nargs=-1, required=True, type=Reference())
@click.argument("dest", metavar="REPO[@BRANCH][:PATH]", type=Reference())
@click.option("-r", "--recursive", is_flag=True, help="Copy directories, with all they hold.")
@stage_option
@options
@pass_app
def cp(
    app: App,
    sources: tuple[str, ...],
    dest: str,
    recursive: bool,
    stage: bool,
    message: str,
    author: str,
) -> None:
    """Copy files or directories within a repo or from one to another, as one commit.

    Nothing is read or stored again, however large it is: a copied directory is the same directory. Names are chosen as
    by cp: with several sources, or a destination that is a directory or ends in /, each keeps its own name below it.
    With --stage a source on a branch is what is staged for it.
    """
    manner = Manner(message, author, stage)
    with app.open(drafts=stage) as opened:
        target = writable(opened, dest)
        branch = target.branch or ""
        target.repo.check_editable()

        def attempt(head: Commit | Draft | None) -> Edit | Stage:
            found = [source_of(opened, text, manner) for text in sources]
            copies = plan(found, dest, target.path, head, done="copied")
            for copy in copies:
                if copy.entry.is_dir and not recursive:
                    raise CommandError(
                        f"{safe(copy.source.text)} is a directory", hint="-r copies directories"
                    )
            with manner.begin(target.repo, branch, described("cp", sources), head) as edit:
                for copy in copies:
                    edit.graft(copy.path, copy.entry)
            return edit

        edit = on_head(target.repo, branch, stage, attempt)
        tell(app, edit, target.repo.name, branch)


def source_of(store: Store, text: str, manner: Manner) -> Source:
    """Where one source is, and what is there."""
    target = store.resolve(text)
    files = manner.find(target)
    if files is None:
        raise CommandError(f"{safe(text)} has no commits yet", hint=first_commit(target.repo))
    return Source(text, files, target.path)
