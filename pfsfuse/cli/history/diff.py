"""`pfs diff`: what differs, by name, by size or by line."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import chain, starmap
from typing import TYPE_CHECKING, NamedTuple

import click

from pfsfuse.cli.shared import jsonout, text
from pfsfuse.cli.shared.address import Reference, readable, require_one_repo, writable
from pfsfuse.cli.shared.app import App, pass_app
from pfsfuse.cli.shared.difftext import COLORS, as_json, line, styled
from pfsfuse.cli.shared.errors import CommandError
from pfsfuse.cli.shared.group import Command
from pfsfuse.cli.shared.text import safe

if TYPE_CHECKING:
    from store import Change, Entry, Store

ENDS = re.compile(r"(?P<repo>[^@:]+)@(?P<old>(?:[^:]|(?<=T\d\d):|(?<=T\d\d:\d\d):)*?)\.\.(?P<new>.*)")
"""REPO@[A]..[B]. A colon begins a path, where what may hold dots follows, unless it stands in a time."""


@click.command(
    cls=Command,
    json=True,
    examples="""
    pfs diff trips@master.30 trips@master.31  what one commit changed
    pfs diff trips@master.31  the same: against its parent
    pfs diff trips@master.7..master.31  what all commits after one, up to another, changed
    pfs diff trips@dev trips@master 2016 7-01-16  only a directory and a file
    pfs diff trips:2015 trips:2016  two directories of one commit
    pfs diff --stat trips@master.31  with sizes, and a sum
    pfs diff -p trips:a.csv trips@dev:a.csv  the lines of a file that differ
    pfs diff --staged trips 2016  what is staged for a branch, in one directory
    """,
)
@click.argument("old", metavar="A", type=Reference())
@click.argument("new", metavar="[B]", type=Reference(), required=False)
@click.argument("paths", metavar="[PATH]...", nargs=-1)
@click.option(
    "--name-status", "style", flag_value="names", default="names", help="A letter and the path; the default."
)
@click.option(
    "--stat", "style", flag_value="stat", help="How many bytes each file gained or lost, and a sum."
)
@click.option(
    "-p", "--patch", "style", flag_value="patch", help="The lines that differ, of text up to 1 MiB."
)
@click.option("--staged", is_flag=True, help="What is staged for the branch A, and not committed.")
@pass_app
def diff(app: App, old: str, new: str | None, paths: tuple[str, ...], style: str, staged: bool) -> None:
    """Name the files that differ between two commits.

    A line for each: A was added, M modified, D deleted on the way from A to B. Equal directories are never opened.
    PATHs limit it to what they name; A and B may name directories or files themselves, as trips@dev:2016. REPO@A..B is
    both at once, as in the mount; A or B left out is the default branch.
    """
    if app.json and style != "names":
        raise click.UsageError("--json has the facts of --name-status and --stat; leave those and -p out")
    if (both := range_ends(old)) is not None and not staged:
        paths = (new, *paths) if new is not None else paths
        old, new = both
    with app.open(drafts=staged) as opened:
        if staged:
            paths = (new, *paths) if new is not None else paths
            before, after = staged_sides(app, opened, old)
        else:
            before, after = sides(opened, old, new)
        changes = limited(opened, before, after, paths) if paths else between(opened, before, after)
        if app.json:
            jsonout.write_list(map(as_json, changes))
        elif style == "stat":
            print_stat(changes)
        elif style == "patch":
            from pfsfuse.cli.history.patch import print_patches

            print_patches(opened, changes)
        else:
            text.lines(map(line, changes))


def range_ends(text: str) -> tuple[str, str] | None:
    """The commits that REPO@A..B leads from and to; None for anything else, dots in a path included.

    Where A or B is left out, it is the newest commit of the default branch. Raises UsageError for both.
    """
    if (found := ENDS.fullmatch(text)) is None:
        return None
    repo, old, new = found["repo"], found["old"], found["new"]
    require_one_repo(repo, new)
    ref, colon, path = new.partition(":")
    if ref.startswith("."):
        raise click.UsageError(
            f"a range has two dots: write {safe(repo)}@{safe(old)}..{safe(new.lstrip('.'))}"
        )
    if not (old or ref):
        raise click.UsageError(f"a range has an end: write {safe(repo)}@A.. or {safe(repo)}@..B")
    return f"{repo}@{old}" if old else repo, f"{repo}@{new}" if ref else f"{repo}{colon}{path}"


class Side(NamedTuple):
    """What is compared, and what it is called."""

    entry: Entry | None
    """None: nothing is there."""
    path: bytes
    text: str


def sides(store: Store, old: str, new: str | None) -> tuple[Side, Side]:
    """What to compare; one commit alone is compared with its parent."""
    first = readable(store, old)
    if new is not None:
        second = readable(store, new)
        return (
            Side(first.commit.entry(first.path), first.path, old),
            Side(second.commit.entry(second.path), second.path, new),
        )
    commit = first.commit
    before = None if commit.parent is None else store.commit(commit.repo, commit.parent).find(first.path)
    # What is in neither of the two is said not to be there, and what only the parent has was deleted.
    after = commit.entry(first.path) if before is None else commit.find(first.path)
    return Side(before, first.path, f"the parent of {old}"), Side(after, first.path, old)


def staged_sides(app: App, store: Store, branch: str) -> tuple[Side, Side]:
    """The head that a branch's draft was made on, and the draft; the same twice without one."""
    target = writable(store, branch)
    app.require_staged((target.repo.name, target.branch or ""))
    standing = target.repo.standing(target.branch)
    before, after = (
        find(store, root, target.path) if root is not None else None
        for root in (standing.base_tree, standing.tree)
    )
    if target.path and before is None and after is None:
        import store as storage

        raise storage.PathNotFound(target.path, where=f"the draft of {target.repo.name}@{target.branch}")
    return Side(before, target.path, branch), Side(after, target.path, f"the draft of {branch}")


def between(store: Store, old: Side, new: Side) -> Iterator[Change]:
    """What differs: below two directories with paths from there, or the one file."""
    import store as storage

    kinds = {side.entry.is_dir for side in (old, new) if side.entry is not None}
    if len(kinds) > 1:
        folder, file = (old, new) if old.entry is not None and old.entry.is_dir else (new, old)
        raise CommandError(
            f"{text.safe(file.text)} is a file, and {text.safe(folder.text)} a directory",
            hint="two directories are compared, or two files",
        )
    if kinds == {True}:
        return store.diff(old.entry, new.entry)
    changed = differ(old.entry, new.entry)
    return iter([storage.Change(new.path, old.entry, new.entry)] if changed else [])


def limited(store: Store, old: Side, new: Side, paths: Sequence[str]) -> Iterator[Change]:
    """What differs at or below each of `paths`; each is looked for on both sides before anything is given out."""
    import store as storage

    pairs = []
    for path in map(storage.names.path, paths):
        before, after = find(store, old.entry, path), find(store, new.entry, path)
        if before is None and after is None:
            where = f"{text.safe(old.text)} or {text.safe(new.text)}"
            raise storage.NotFound(f"no '{text.safe(path)}' in {where}")
        pairs.append((path, before, after))
    return chain.from_iterable(starmap(partial(below, store), pairs))


def below(store: Store, path: bytes, old: Entry | None, new: Entry | None) -> Iterator[Change]:
    """What differs at `path`, and below it where it is a directory."""
    import store as storage

    if path and differ(old, new):
        yield storage.Change(path, old, new)
    prefix = path + b"/" if path else b""
    folders = [each if each is not None and each.is_dir else None for each in (old, new)]
    for change in store.diff(*folders):
        yield storage.Change(prefix + change.path, change.old, change.new)


def find(store: Store, root: Entry | None, path: bytes) -> Entry | None:
    """The entry at `path` below `root`, or None."""
    entry = root
    for name in path.split(b"/") if path else ():
        entry = store.lookup(entry, name) if entry is not None and entry.is_dir else None
    return entry


def differ(old: Entry | None, new: Entry | None) -> bool:
    """Whether the thing itself changed: of a directory its permissions, of a file its contents too; never times."""
    if old is None or new is None or (old.mode, old.xattrs) != (new.mode, new.xattrs):
        return old is not new
    return not old.is_dir and old.identity() != new.identity()


def print_stat(changes: Iterator[Change]) -> None:
    """A line for each file: letter, bytes gained or lost, path; and the sum of all."""
    counts, total = dict.fromkeys(COLORS, 0), 0
    for change in changes:
        sizes = [0 if each is None or each.is_dir else each.size for each in (change.old, change.new)]
        if all(each is None or each.is_dir for each in (change.old, change.new)):
            continue
        counts[change.kind] += 1
        total += sizes[1] - sizes[0]
        click.echo(f"{styled(change.kind)} {gained(sizes[1] - sizes[0]):>11}  {text.safe(change.path)}")
    words = {"A": "added", "M": "modified", "D": "deleted"}
    parts = [f"{count:,} {words[kind]}" for kind, count in counts.items() if count]
    click.echo(", ".join([text.plural(sum(counts.values()), "file"), *parts, gained(total)]))


def gained(count: int) -> str:
    """`+1.2 MiB`, `-5 B`."""
    return f"{'-' if count < 0 else '+'}{text.size(abs(count))}"
