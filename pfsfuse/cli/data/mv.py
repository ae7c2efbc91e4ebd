"""`pfs mv`: files and directories get another name, or another branch or repo."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from pfsfuse.cli.data.copying import Copy, Source, plan
from pfsfuse.cli.data.rm import one_branch, outermost
from pfsfuse.cli.shared.address import Reference, first_commit, writable
from pfsfuse.cli.shared.app import App, pass_app
from pfsfuse.cli.shared.change import ATTEMPTS, Manner, described, on_head, options, stage_option, tell
from pfsfuse.cli.shared.errors import CommandError
from pfsfuse.cli.shared.group import Command
from pfsfuse.cli.shared.text import safe

if TYPE_CHECKING:
    from store import Commit, Draft, Edit, Stage, Target


@click.command(
    cls=Command,
    examples="""
    pfs mv trips:7-01-16 trips:first  a new name
    pfs mv trips:a.csv trips:b.csv trips:2016/  into a directory
    pfs mv trips@dev:2015 archive:trips/  to another repo: a commit there and one here, at once
    """,
)
@click.argument("sources", metavar="REPO[@BRANCH]:PATH...", nargs=-1, required=True, type=Reference())
@click.argument("dest", metavar="REPO[@BRANCH][:PATH]", type=Reference())
@stage_option
@options
@pass_app
def mv(app: App, sources: tuple[str, ...], dest: str, stage: bool, message: str, author: str) -> None:
    """Move or rename files or directories, as one commit.

    Nothing is read or stored again, however large it is. Names are chosen as by mv: with several sources, or a
    destination that is a directory or ends in /, each keeps its own name below it. To another branch or repo it takes
    two commits, which come into being at once; both are printed, the one there first.
    """
    with app.open(drafts=stage) as opened:
        targets = [writable(opened, text) for text in sources]
        target = writable(opened, dest)
        source = one_branch(sources, targets)
        source.repo.check_editable()
        target.repo.check_editable()
        refuse_nested(sources, targets)
        manner = Manner(message, author, stage)
        move = Move(sources, [each.path for each in targets], source, dest, target, manner)
        if (source.repo.name, source.branch) == (target.repo.name, target.branch):
            edit = on_head(source.repo, move.branch, stage, move.rename)
        elif stage:
            there = on_head(target.repo, target.branch or "", stage, move.copy)
            tell(app, there, target.repo.name, target.branch or "")
            edit = on_head(source.repo, move.branch, stage, move.remove)
        else:
            to, edit = move.across()
            tell(app, to, target.repo.name, target.branch or "")
        tell(app, edit, source.repo.name, move.branch)


class Move:
    """One move, worked out anew for each head it is tried on."""

    def __init__(
        self,
        texts: Sequence[str],
        paths: Sequence[bytes],
        source: Target,
        dest: str,
        target: Target,
        manner: Manner,
    ) -> None:
        self._texts, self._paths, self._source = texts, paths, source
        self._dest, self._target = dest, target
        self._manner, self._said = manner, described("mv", [*texts, dest])
        self._moved: list[Copy] = []

    @property
    def branch(self) -> str:
        """Where the sources are."""
        return self._source.branch or ""

    def rename(self, head: Commit | Draft | None) -> Edit | Stage:
        """Within one branch."""
        copies = self._plan(head, head)
        for copy in copies:
            if (copy.path + b"/").startswith(copy.source.path + b"/"):
                same = copy.path == copy.source.path
                what = "already is there" if same else "cannot be moved into itself"
                raise CommandError(f"{safe(copy.source.text)} {what}; nothing was moved")
        with self._manner.begin(self._source.repo, self.branch, self._said, head) as edit:
            for copy in copies:
                edit.remove(copy.source.path)
            for copy in copies:
                edit.graft(copy.path, copy.entry)
        return edit

    def across(self) -> tuple[Edit, Edit]:
        """To another branch: the commit there and the one here, at once; in another repo under the same id."""
        import store

        for _ in range(ATTEMPTS - 1):
            try:
                return self._across()
            except store.HeadMoved:
                continue
        return self._across()

    def _across(self) -> tuple[Edit, Edit]:
        import store

        source, target = self._source.repo, self._target.repo
        here, there = source.head(self.branch), target.head(self._target.branch)
        copies = self._plan(here, there)
        id = store.CommitId.new() if source.name != target.name else None
        edits = (
            self._manner.edit(target, self._target.branch, self._said, there, id),
            self._manner.edit(source, self.branch, self._said, here, id),
        )
        with store.Together(edits) as (to, away):
            for copy in copies:
                to.graft(copy.path, copy.entry)
                away.remove(copy.source.path)
        return edits

    def copy(self, head: Commit | Draft | None) -> Edit | Stage:
        """To another branch: what is staged there."""
        copies = self._moved = self._plan(self._manner.find(self._source), head)
        with self._manner.begin(self._target.repo, self._target.branch, self._said, head) as edit:
            for copy in copies:
                edit.graft(copy.path, copy.entry)
        return edit

    def remove(self, head: Commit | Draft | None) -> Edit | Stage:
        """And what is staged here, without what was copied."""
        for copy in self._moved:
            if head is None or head.find(copy.source.path) != copy.entry:
                raise CommandError(
                    f"{safe(copy.source.text)} changed meanwhile: what was copied is in {safe(self._dest)}",
                    hint="nothing was removed",
                )
        with self._manner.begin(self._source.repo, self.branch, self._said, head) as edit:
            for copy in self._moved:
                edit.remove(copy.source.path)
        return edit

    def _plan(self, source: Commit | Draft | None, head: Commit | Draft | None) -> list[Copy]:
        if source is None:
            raise CommandError(
                f"{safe(self._texts[0])} has no commits yet", hint=first_commit(self._source.repo)
            )
        found = [Source(text, source, path) for text, path in zip(self._texts, self._paths, strict=True)]
        return plan(found, self._dest, self._target.path, head, done="moved")


def refuse_nested(texts: Sequence[str], targets: Sequence[Target]) -> None:
    """What lies in a directory that is moved is moved with it, and cannot go elsewhere too."""
    left = set(outermost([target.path for target in targets]))
    seen: set[bytes] = set()
    for text, target in zip(texts, targets, strict=True):
        if target.path not in left or target.path in seen:
            raise CommandError(f"{safe(text)} is moved with another of the sources; nothing was moved")
        seen.add(target.path)
