"""`pfs mv`: files and directories get another name, or another branch or repo."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from pfsfuse.cli.address import Place, Reference, first_commit, str_commit, writable
from pfsfuse.cli.app import App, pass_app
from pfsfuse.cli.change import described, on_head, options, report
from pfsfuse.cli.copying import Copy, Source, plan
from pfsfuse.cli.errors import CommandError
from pfsfuse.cli.group import Command
from pfsfuse.cli.rm import one_branch, outermost
from pfsfuse.cli.text import safe

if TYPE_CHECKING:
    from store import Commit, Edit, Target


@click.command(
    cls=Command,
    examples="""
    pfs mv trips:7-01-16 trips:first  a new name
    pfs mv trips:a.csv trips:b.csv trips:2016/  into a directory
    pfs mv trips@dev:2015 archive:trips/  to another repo: a commit there, and one here
    """,
)
@click.argument("sources", metavar="REPO[@BRANCH]:PATH...", nargs=-1, required=True, type=Reference())
@click.argument("dest", metavar="REPO[@BRANCH][:PATH]", type=Reference())
@options
@pass_app
def mv(app: App, sources: tuple[str, ...], dest: str, message: str, author: str) -> None:
    """Move or rename files or directories, as one commit.

    Nothing is read or stored again, however large it is. Names are chosen as by mv: with several sources, or a
    destination that is a directory or ends in /, each keeps its own name below it. To another branch or repo it takes
    two commits, the one there first; both are printed.
    """
    with app.open() as opened:
        targets = [writable(opened, text) for text in sources]
        target = writable(opened, dest)
        source = one_branch(sources, targets)
        source.repo.check_editable()
        target.repo.check_editable()
        refuse_nested(sources, targets)
        move = Move(sources, [each.path for each in targets], source, dest, target, message, author or None)
        if (source.repo.name, source.branch) == (target.repo.name, target.branch):
            edit = on_head(source.repo, move.branch, move.rename)
        else:
            there = on_head(target.repo, target.branch or "", move.copy)
            if there.result is not None:
                click.echo(f"{str_commit(there.result, target.branch or '')} {there.result.id}")
            app.refresh()
            edit = on_head(source.repo, move.branch, move.remove)
    report(app, edit.result, move.branch, edit.changed)


class Move:
    """One move, worked out anew for each head it is tried on."""

    def __init__(
        self,
        texts: Sequence[str],
        paths: Sequence[bytes],
        source: Target,
        dest: str,
        target: Target,
        message: str,
        author: str | None,
    ) -> None:
        self._texts, self._paths, self._source = texts, paths, source
        self._dest, self._target = dest, target
        self._message, self._author = message or described("mv", [*texts, dest]), author
        self._moved: list[Copy] = []

    @property
    def branch(self) -> str:
        """Where the sources are."""
        return self._source.branch or ""

    def rename(self, head: Commit | None) -> Edit:
        """Within one branch."""
        copies = self._plan(head, head)
        for copy in copies:
            if (copy.path + b"/").startswith(copy.source.place.path + b"/"):
                same = copy.path == copy.source.place.path
                what = "already is there" if same else "cannot be moved into itself"
                raise CommandError(f"{safe(copy.source.text)} {what}; nothing was moved")
        with self._source.repo.edit(
            self.branch, message=self._message, author=self._author, base=head
        ) as edit:
            for copy in copies:
                edit.remove(copy.source.place.path)
            for copy in copies:
                edit.graft(copy.path, copy.entry)
        return edit

    def copy(self, head: Commit | None) -> Edit:
        """To another branch: the commit there."""
        copies = self._moved = self._plan(self._source.repo.head(self.branch), head)
        with self._target.repo.edit(
            self._target.branch, message=self._message, author=self._author, base=head
        ) as edit:
            for copy in copies:
                edit.graft(copy.path, copy.entry)
        return edit

    def remove(self, head: Commit | None) -> Edit:
        """And the commit here, without what was copied."""
        for copy in self._moved:
            if head is None or head.find(copy.source.place.path) != copy.entry:
                raise CommandError(
                    f"{safe(copy.source.text)} changed meanwhile: what was copied is in {safe(self._dest)}",
                    hint="nothing was removed",
                )
        with self._source.repo.edit(
            self.branch, message=self._message, author=self._author, base=head
        ) as edit:
            for copy in self._moved:
                edit.remove(copy.source.place.path)
        return edit

    def _plan(self, source: Commit | None, head: Commit | None) -> list[Copy]:
        if source is None:
            raise CommandError(
                f"{safe(self._texts[0])} has no commits yet", hint=first_commit(self._source.repo)
            )
        found = [
            Source(text, Place(source, path)) for text, path in zip(self._texts, self._paths, strict=True)
        ]
        return plan(found, self._dest, self._target.path, head, done="moved")


def refuse_nested(texts: Sequence[str], targets: Sequence[Target]) -> None:
    """What lies in a directory that is moved is moved with it, and cannot go elsewhere too."""
    left = set(outermost([target.path for target in targets]))
    seen: set[bytes] = set()
    for text, target in zip(texts, targets, strict=True):
        if target.path not in left or target.path in seen:
            raise CommandError(f"{safe(text)} is moved with another of the sources; nothing was moved")
        seen.add(target.path)
