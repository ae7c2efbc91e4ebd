"""What a store has, and words that are refs or paths of a repo that stands beside them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Known:
    """What a store has."""

    repos: tuple[str, ...]
    is_there: Callable[[str], bool]
    """Whether REPO[@REF][:PATH] names something."""

    def repo(self, word: str) -> str:
        """The repo that `word` begins with, as REPO[@REF][:PATH] does; "" if that is none of these."""
        name = word.partition(":")[0].partition("@")[0]
        return name if name in self.repos else ""


def join(words: Sequence[str], known: Known) -> tuple[str, ...]:
    """`words` with each that is a ref or a path of a repo among them joined to it: `trips dev` is `trips trips@dev`."""
    places = [word for word in words if known.repo(word)]
    others = [] if places else list(known.repos)
    joined = []
    for word in words:
        if known.repo(word):
            places.remove(word)
            places.insert(0, word)  # the one that stands before what follows
            joined.append(word)
            continue
        around = places or others
        found = [each for place in around for each in _below(place, word, known)]
        is_one = bool(places) or len(found) == 1
        joined.append(found[0] if found and is_one and word else word)
    return tuple(joined)


def _below(place: str, word: str, known: Known) -> list[str]:
    """What `word` may be at `place`: a ref of its repo, or a path there."""
    before = place.partition(":")[0]
    tried = (f"{known.repo(place)}@{word}", f"{before}:{word}")
    return [each for each in tried if known.is_there(each)][:1]


def without_bare(words: Sequence[str]) -> tuple[str, ...]:
    """`words` but for each whose neighbour says the same, and more: `trips trips@dev` is `trips@dev`."""
    kept = list(words)
    for word in words:
        more = [each for each in kept if each != word and each.startswith((f"{word}@", f"{word}:"))]
        if word in kept and more:
            kept.remove(word)
    return tuple(kept)


def as_address(word: str, known: Known) -> str:
    """`pfs://trips@dev/a.csv`, `/pfs/trips@dev/a.csv` and `trips@dev/a.csv` as `trips@dev:a.csv`."""
    bare = word.removeprefix("pfs://").removeprefix("/pfs/")
    place, _, path = bare.partition("/")
    if (bare == word and "/" not in word) or not known.repo(place) or ":" in place:
        return word
    return f"{place}:{path.rstrip('/')}" if path.rstrip("/") else place
