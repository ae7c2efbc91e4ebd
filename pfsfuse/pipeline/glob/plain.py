"""Plain globs as regular expressions of the standard library, which find captures forty times as fast.

Those backtrack, so only globs are taken that cannot make them do so for long: without repetition and negation, with few
runs of any length and few ways through what is optional or has branches. All others are left to the machine; both say
the same.
"""

from __future__ import annotations

import re

from pfsfuse.pipeline.glob.grammar import Char, Choice, Group, OneOf, Piece, Run, Sequence

_MOST_RUNS = 3
"""A path of n characters costs at most n to this power; honest globs cost n."""
_MOST_WAYS = 64
"""Ways through all branches: a path may be read once for each."""


def compile_plain(pieces: Sequence) -> re.Pattern[str] | None:
    """An expression whose groups are the glob's, to be matched against whole paths; None where it could take long."""
    if not _is_plain(pieces) or _runs(pieces) > _MOST_RUNS or _ways(pieces) > _MOST_WAYS:
        return None
    return re.compile(_sequence(pieces))


def _is_plain(pieces: Sequence) -> bool:
    return all(
        not (isinstance(piece, Group) and piece.kind not in "@?")
        and all(map(_is_plain, piece.branches if isinstance(piece, Group | Choice) else ()))
        for piece in pieces
    )


def _runs(pieces: Sequence) -> int:
    return sum(
        sum(map(_runs, piece.branches)) if isinstance(piece, Group | Choice) else isinstance(piece, Run)
        for piece in pieces
    )


def _ways(pieces: Sequence) -> int:
    found = 1
    for piece in pieces:
        if isinstance(piece, Group | Choice):
            found *= sum(map(_ways, piece.branches)) + (isinstance(piece, Group) and piece.kind == "?")
    return found


def _sequence(pieces: Sequence) -> str:
    return "".join(map(_piece, pieces))


def _piece(piece: Piece) -> str:
    match piece:
        case Char(char):
            return re.escape(char)
        case OneOf(ranges, negated):
            inside = "".join(f"{re.escape(first)}-{re.escape(last)}" for first, last in ranges)
            return f"[{'^' if negated else ''}{inside}]"
        case Run(deep):
            return r"[\s\S]*" if deep else "[^/]*"
        case Choice(branches):
            return f"(?:{'|'.join(map(_sequence, branches))})"
        case Group(kind, branches):
            inside = "|".join(map(_sequence, branches))
            return f"({inside})" if kind == "@" else f"((?:{inside})?)"
