"""`pfs merge`: what another line of commits changed, brought to a branch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

import click

from pfsfuse.cli.shared import jsonout, text
from pfsfuse.cli.shared.address import Reference, branch_only, commit_only
from pfsfuse.cli.shared.app import App, pass_app
from pfsfuse.cli.shared.change import options, report
from pfsfuse.cli.shared.errors import CommandError
from pfsfuse.cli.shared.group import Command
from pfsfuse.cli.shared.text import safe

if TYPE_CHECKING:
    from store import Merge, PathConflict, Side

F = TypeVar("F", bound=Callable[..., object])


def side_options(function: F) -> F:
    """`--ours` and `--theirs`."""
    ours = click.option(
        "--ours",
        "take_ours",
        metavar="PATTERN",
        multiple=True,
        help="Where both changed what this glob matches: keep what the branch has. Wins over --theirs.",
    )
    theirs = click.option(
        "--theirs",
        "take_theirs",
        metavar="PATTERN",
        multiple=True,
        help="Where both changed what this glob matches: take what comes in.",
    )
    return ours(theirs(function))


@click.command(
    cls=Command,
    json=True,
    examples="""
    pfs merge trips@master trips@dev  bring what dev changed to master
    pfs merge trips trips@dev --theirs '2016/**'  where both changed a file there, take that of dev
    pfs merge trips trips@dev --ours '**' -m "only what is new"  keep what master changed, always
    """,
)
@click.argument("ours", metavar="REPO[@OURS]", type=Reference())
@click.argument("theirs", metavar="REPO@THEIRS", type=Reference())
@side_options
@options
@pass_app
def merge(
    app: App,
    ours: str,
    theirs: str,
    take_ours: tuple[str, ...],
    take_theirs: tuple[str, ...],
    message: str,
    author: str,
) -> None:
    """Bring what another branch or commit changed to a branch, as one commit.

    Both are compared with the last commit that they share, by ancestry or by an earlier merge. A path that only one
    side changed is taken from there; a file that both changed in different ways is a conflict. With conflicts, they
    are listed and nothing is changed, unless --ours and --theirs decide them all. A branch that is merely behind
    moves forward without a commit, unless there is a message.
    """
    with app.open() as opened:
        target = branch_only(opened, ours)
        their = commit_only(opened, theirs)
        if their.repo != target.repo.name:
            raise CommandError(
                f"{safe(ours)} and {safe(theirs)} are in two repos", hint="`pfs cp` copies between repos"
            )
        done = target.repo.merge(
            target.branch or "",
            their,
            resolve=sides(take_ours, take_theirs),
            message=message or f"merge {theirs}",
            author=author or None,
            fast_forward=not message,
        )
        finish(app, done, target.branch or "", f"merging {safe(theirs)} into {safe(ours)}")


def sides(ours: Sequence[str], theirs: Sequence[str]) -> Callable[[PathConflict], Side | None]:
    """Which side the patterns take in a conflict. Raises SpecError for one that cannot be read."""
    import store
    from pfsfuse.pipeline import compile_glob

    globs = [(compile_glob(each), store.Side.OURS) for each in ours]
    globs += [(compile_glob(each), store.Side.THEIRS) for each in theirs]
    return lambda conflict: next((side for glob, side in globs if glob.matches(conflict.path)), None)


def finish(app: App, done: Merge, branch: str, what: str) -> None:
    """Say how it ended. Raises MergeConflict, after listing the conflicts."""
    import store

    if app.json:
        jsonout.write(merge_json(done))
        if done.changed:
            app.refresh()
    elif not done.conflicts:
        report(app, done.commit, branch, done.changed)
    else:
        text.lines(map(conflict_line, done.conflicts))
    if done.conflicts:
        raise store.MergeConflict(what, len(done.conflicts))


def conflict_line(conflict: PathConflict, prefix: str = "") -> str:
    """`both modified:    a.csv`; `prefix` stands before the path."""
    return f"{conflict.kind + ':':<18} {prefix}{safe(conflict.path)}"


def merge_json(done: Merge) -> jsonout.Json:
    return {
        "changed": done.changed,
        "commit": jsonout.commit(done.commit) if done.commit else None,
        "base": str(done.base.id) if done.base else None,
        "conflicts": [as_json(each) for each in done.conflicts],
    }


def as_json(conflict: PathConflict) -> jsonout.Json:
    entries = {"base": conflict.base, "ours": conflict.ours, "theirs": conflict.theirs}
    return {
        "kind": conflict.kind,
        "path": conflict.path.decode("utf-8", "surrogateescape"),
        **{name: jsonout.entry(conflict.path, entry) if entry else None for name, entry in entries.items()},
    }
