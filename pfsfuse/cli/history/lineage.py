"""What commits were computed from, and what was computed from them, as a graph."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from store import Commit, CommitId, Store

Key = tuple[str, "CommitId"]
"""A repo and the id of a commit of it."""


@dataclass(frozen=True, slots=True)
class Lineage:
    """The commits that can be reached from one."""

    root: Key
    commits: Mapping[Key, Commit | None]
    """In the order of their distance from the root; None for a commit that is gone."""
    below: Mapping[Key, tuple[Key, ...]]
    """For each, those one step further away: what it was computed from, or, looking down, what came from it."""
    down: bool

    def edges(self) -> Iterator[tuple[Key, Key]]:
        """From input to output, each once."""
        for key, following in self.below.items():
            for other in following:
                yield (key, other) if self.down else (other, key)


def trace(store: Store, commit: Commit, *, down: bool = False, depth: int | None = None) -> Lineage:
    """Follow provenance from `commit`, at most `depth` steps. Costs what it finds, however long the history is."""
    root = (commit.repo, commit.id)
    commits: dict[Key, Commit | None] = {root: commit}
    below: dict[Key, tuple[Key, ...]] = {}
    ring, steps = [root], 0
    while ring and steps != depth:
        nearer, ring = ring, []
        for key in nearer:
            below[key] = _next(store, key, commits[key], down)
            for other in below[key]:
                if other not in commits:
                    commits[other] = store.find_commit(*other)
                    ring.append(other)
        steps += 1
    return Lineage(root, commits, {**dict.fromkeys(commits, ()), **below}, down)


def _next(store: Store, key: Key, commit: Commit | None, down: bool) -> tuple[Key, ...]:
    if down:
        return tuple(store.downstream(*key))
    return () if commit is None else tuple((each.repo, each.commit) for each in commit.provenance)


def shown(key: Key, commit: Commit | None) -> str:
    """`sales@master.31`, or what is left to say of a commit that is gone."""
    return commit.title if commit is not None else f"{key[0]}@{key[1]}"


def drawn(graph: Lineage) -> Iterator[tuple[str, Key, bool]]:
    """As a tree: what is drawn before each commit, the commit, and whether it stands with all that is below it further
    up already."""
    seen: set[Key] = set()
    stack: list[tuple[str, str, Key]] = [("", "", graph.root)]
    while stack:
        before, deeper, key = stack.pop()
        again = key in seen and bool(graph.below[key])
        yield before, key, again
        if again:
            continue
        seen.add(key)
        following = graph.below[key]
        for number, other in reversed(list(enumerate(following, 1))):
            last = number == len(following)
            stack.append(
                (deeper + ("└── " if last else "├── "), deeper + ("    " if last else "│   "), other)
            )


def as_dot(graph: Lineage) -> str:
    """In the language of Graphviz: inputs on the left, what was asked about in bold."""
    lines = ["digraph provenance {", "  rankdir=LR;", '  node [shape=box, fontname="sans-serif"];']
    for key, commit in graph.commits.items():
        looks = [f'label="{shown(key, commit)}\\n{str(key[1])[:8]}"']
        if key == graph.root:
            looks.append("style=bold")
        if commit is None or commit.state != "finished":
            looks.append("color=red")
        lines.append(f"  {_quoted(*key)} [{', '.join(looks)}];")
    lines += [f"  {_quoted(*source)} -> {_quoted(*target)};" for source, target in graph.edges()]
    return "\n".join([*lines, "}"]) + "\n"


def _quoted(repo: str, id: CommitId) -> str:
    return f'"{repo}@{id}"'  # names have neither quotes nor backslashes: the store sees to it
