"""What REPO[@REF][:PATH] means to a command: a commit to read, a place to write, a branch or tag to name."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import click
from click.shell_completion import CompletionItem

from pfsfuse.cli.shared.errors import CommandError
from pfsfuse.cli.shared.text import safe

if TYPE_CHECKING:
    from store import Commit, Repo, Store, Target


STDIO = "-"
"""Standard input or output, where a file of the host is named."""


class Place(NamedTuple):
    """Where a commit can be read: the commit, and a path in it (b"" is the root)."""

    commit: Commit
    path: bytes

    @property
    def where(self) -> str:
        return str_commit(self.commit)


class Name(NamedTuple):
    """A branch or a tag that a command is about to make, move or delete: REPO@NAME, not looked up."""

    repo: str
    name: str


def str_commit(commit: Commit, branch: str = "") -> str:
    """`trips@master.31`: a name for `commit` that can be typed again while its branch is not moved elsewhere."""
    return f"{commit.repo}@{branch}.{commit.depth}" if branch else commit.title


def readable(store: Store, text: str) -> Place:
    """The commit and path that `text` names; a branch without commits is nothing to read."""
    target = store.resolve(text)
    if target.commit is None:
        raise CommandError(f"{safe(text)} has no commits yet", hint=first_commit(target.repo))
    return Place(target.commit, target.path)


def first_commit(repo: Repo) -> str:
    """How a repo without commits gets its first one."""
    if repo.origin == "pipeline":
        return f"`pfs job list {repo.name}` shows how the jobs of the pipeline went"
    if repo.origin == "service":
        return f"`pfs service stop {repo.name}` commits what it saved"
    return f"`pfs put FILE {repo.name}` makes the first one"


def commit_only(store: Store, text: str) -> Commit:
    """The commit that `text` names, which must not go on to a path."""
    place = readable(store, text)
    if place.path:
        raise CommandError(
            f"{safe(text)} names a path, and a commit is needed", hint="leave out what follows the :"
        )
    return place.commit


def repo_only(store: Store, text: str) -> Repo:
    """The repo that `text` names, which must not go on to a ref or a path."""
    import store as storage

    return store.repo(storage.names.repo(text))


def writable(store: Store, text: str) -> Target:
    """The branch and path that `text` names, for a command that is going to commit there."""
    import store as storage

    try:
        target = store.resolve(text)
    except storage.RefNotFound as error:
        if error.why or error.hint().startswith("did you mean"):
            raise
        makes = f"`pfs branch create {error.repo}@{error.ref}` makes a branch"
        raise storage.RefNotFound(error.repo, error.ref, why=makes) from None
    if target.branch is None:
        raise CommandError(
            f"{safe(text)} is not a branch and never changes",
            hint=f"`pfs branch list {target.repo.name}` shows those that can",
        )
    return target


def branch_only(store: Store, text: str) -> Target:
    """The branch that `text` names, which must not go on to a path."""
    target = writable(store, text)
    if target.path:
        raise CommandError(
            f"{safe(text)} names a path, and a branch is needed", hint="leave out what follows the :"
        )
    return target


def name(text: str, kind: str) -> Name:
    """REPO@NAME, both parts given; `kind` is branch or tag."""
    import store as storage

    repo, at, rest = text.partition("@")
    if not at or not rest:
        raise click.BadParameter(
            f"{safe(text)!r} has no {kind}: write REPO@{kind.upper()}", param_hint=kind.upper()
        )
    return Name(storage.names.repo(repo), getattr(storage.names, kind)(rest))


def require_one_repo(repo: str, end: str) -> None:
    """Refuse the B of REPO@A..B that names the repo again, and say what to write instead.

    A time may follow the @ of a branch that is called like its repo; times begin with a digit, so that is let through.
    """
    said, _, ref = end.partition("@")
    if said == repo and ref and not ref[0].isdigit():
        raise click.UsageError(f"a range names its repo once: write {safe(repo)}@A..{safe(ref)}")


class Reference(click.ParamType[str, str]):
    """An argument REPO[@REF][:PATH]; taken as text, completed from the store."""

    name = "ref"

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        from pfsfuse.cli.shared.complete import references

        return [CompletionItem(each) for each in references(ctx, incomplete)]


class RepoName(click.ParamType[str, str]):
    """An argument that is a repo's name; taken as text, completed from the store."""

    name = "repo"

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        from pfsfuse.cli.shared.complete import repos

        return [CompletionItem(each) for each in repos(ctx, incomplete)]


class PipelineName(click.ParamType[str, str]):
    """An argument that is a pipeline's name; taken as text, completed from the store."""

    name = "pipeline"

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        from pfsfuse.cli.shared.complete import pipelines

        return [CompletionItem(each) for each in pipelines(ctx, incomplete)]
