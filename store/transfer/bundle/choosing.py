"""From what people write to the refs of a bundle."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from store import refexpr
from store.errors import BadExpression, RefNotFound
from store.format import bundle
from store.format.bundle import BundledRef
from store.repo import Repo
from store.transfer.bundle.plan import Named


def choose(find: Callable[[str], Repo], texts: Iterable[str]) -> list[BundledRef]:
    """The refs that `REPO[@REF]` mean: all branches and tags of a repo, one of them, or the commit that an expression
    names. Each once. Raises BadExpression, RepoNotFound, RefNotFound.
    """
    found: dict[tuple[str, str, str, bytes | None], BundledRef] = {}
    for text in texts:
        for ref in _one(find, text):
            found[ref.repo, ref.kind, ref.name, ref.commit if ref.kind == bundle.BARE else None] = ref
    return list(found.values())


def had(find: Callable[[str], Repo], texts: Iterable[str]) -> list[Named]:
    """The commits that `REPO[@REF]` name. Raises what `choose` raises."""
    return [_commit(*_parsed(find, text), text) for text in texts]


def _one(find: Callable[[str], Repo], text: str) -> list[BundledRef]:
    repo, ref = _parsed(find, text)
    branches = [BundledRef(repo.name, bundle.BRANCH, each.name, each.head) for each in repo.branches()]
    tags = [BundledRef(repo.name, bundle.TAG, each.name, each.commit) for each in repo.tags()]
    if ref is None:
        return [*branches, *tags]
    named = [each for each in (*branches, *tags) if not ref.steps and each.name == ref.name]
    return named or [BundledRef(repo.name, bundle.BARE, "", _commit(repo, ref, text)[1])]


def _parsed(find: Callable[[str], Repo], text: str) -> tuple[Repo, refexpr.Ref | None]:
    parsed = refexpr.parse(text)
    if parsed.path or text.endswith(":"):
        raise BadExpression(text, text.index(":"), "a whole commit is needed, without a path")
    return find(parsed.repo), parsed.ref


def _commit(repo: Repo, ref: refexpr.Ref | None, text: str) -> Named:
    found = repo.resolve(ref or refexpr.parse_ref(repo.default_branch))
    if found is None:
        raise RefNotFound(repo.name, text, why="the branch has no commit yet")
    return repo.name, found.id
