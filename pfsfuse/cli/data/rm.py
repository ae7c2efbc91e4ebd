"""`pfs rm`: a commit without some files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from pfsfuse.cli.shared.address import Reference, first_commit, writable
from pfsfuse.cli.shared.app import App, pass_app
from pfsfuse.cli.shared.change import Manner, described, on_head, options, stage_option, tell
from pfsfuse.cli.shared.errors import CommandError
from pfsfuse.cli.shared.group import Command
from pfsfuse.cli.shared.text import safe

if TYPE_CHECKING:
    from store import Commit, Draft, Edit, Stage, Target


@click.command(
    cls=Command,
    examples="""
    pfs rm trips:7-01-16  a file
    pfs rm -r trips@dev:2015 trips@dev:tmp -m "tidy up"  directories, as one commit
    pfs rm --stage trips:7-01-16  with more to come, before `pfs commit`
    """,
)
@click.argument("paths", metavar="REPO[@BRANCH]:PATH...", nargs=-1, required=True, type=Reference())
@click.option("-r", "--recursive", is_flag=True, help="Remove directories, with all they hold.")
@stage_option
@options
@pass_app
def rm(app: App, paths: tuple[str, ...], recursive: bool, stage: bool, message: str, author: str) -> None:
    """Remove files or directories from a branch, as one commit.

    Earlier commits keep them. When one PATH is not there, nothing is removed.
    """
    manner = Manner(message, author, stage)
    with app.open(drafts=stage) as opened:
        targets = [writable(opened, path) for path in paths]
        place = one_branch(paths, targets)
        place.repo.check_editable()

        def attempt(head: Commit | Draft | None) -> Edit | Stage:
            if head is None:
                raise CommandError(f"{safe(paths[0])} has no commits yet", hint=first_commit(place.repo))
            for text, target in zip(paths, targets, strict=True):
                if head.entry(target.path).is_dir and not recursive:
                    raise CommandError(f"{safe(text)} is a directory", hint="-r removes directories")
            said = described("rm", [target.path for target in targets])
            with manner.begin(place.repo, place.branch, said, head) as edit:
                for path in outermost([target.path for target in targets]):
                    edit.remove(path)
            return edit

        edit = on_head(place.repo, place.branch or "", stage, attempt)
        tell(app, edit, place.repo.name, place.branch or "")


def one_branch(texts: Sequence[str], targets: Sequence[Target]) -> Target:
    """The first of `targets`, if all are paths on one branch, none its root. Raises CommandError."""
    first = targets[0]
    for text, target in zip(texts, targets, strict=True):
        if not target.path:
            raise CommandError(f"{safe(text)} names a whole branch", hint=f"write {target.repo.name}:PATH")
        if (target.repo.name, target.branch) != (first.repo.name, first.branch):
            raise CommandError(
                f"{safe(texts[0])} and {safe(text)} are on two branches", hint="a command makes one commit"
            )
    return first


def outermost(paths: Sequence[bytes]) -> list[bytes]:
    """`paths` without those that lie below others, each once, in order."""
    chosen: list[bytes] = []
    for path in sorted(set(paths), key=lambda each: each.split(b"/")):
        if not chosen or not path.startswith(chosen[-1] + b"/"):
            chosen.append(path)
    return chosen
