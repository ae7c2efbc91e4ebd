"""The unit of work and of caching: what a datum is, and when two are the same.

A datum's id is a hash of what its result depends on, and of nothing else:

    transform key   cmd, stdin, env, working_dir, accept_return_code, user, image
    salt            when the specification has one
    each input      name, repo, path of the match, identity of what is there      in order of name and path
    keys            what `join_on` and `group_by` made of the matches, when there are any: commands are told

Not in it: commits and branches (the same data at another commit is the same datum), the pipeline's name and
description, how many run at once, how often and how long they are tried, what they may use and
reach, and `err_cmd`, of which nothing is kept. So one result serves every job, on every branch, of every pipeline
that would compute the same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import TYPE_CHECKING

from msgspec import Struct

from pfsfuse.pipeline.spec import Spec, Transform

if TYPE_CHECKING:
    from store import CommitId


class DatumInput(Struct, frozen=True, gc=False):
    """What a datum sees of one input."""

    name: str
    """The directory under `/pfs`."""
    repo: str
    branch: str
    commit: CommitId
    path: str
    """The match, without a leading slash; "/" is the whole repo. Bytes that are not UTF-8 are surrogates, as the
    standard library spells file names."""
    identity: bytes
    """What is there: `Entry.identity()`; b"" of a reference, for which it does not matter."""
    join_on: str = ""
    """What the input's `join_on` made of the match."""
    group_by: str = ""
    """What the input's `group_by` made of the match."""

    @property
    def rooted(self) -> str:
        """The path with its leading slash."""
        return "/" + self.path.lstrip("/")


class Datum(Struct, frozen=True):
    """One match, or one combination of matches, of a spec's globs."""

    id: str
    """64 hex digits."""
    inputs: tuple[DatumInput, ...]
    """In the order of the spec; several of one name, in path order, when it is a group."""


def transform_key(spec: Spec) -> bytes:
    """What about a specification, besides its inputs, enters its datums' ids: its transform and salt; 32 bytes."""
    key = _transform_key(spec.transform)
    return _framed(b"pfs-salted-1", (key, _bytes(spec.salt))) if spec.salt else key


def _transform_key(transform: Transform) -> bytes:
    return _framed(
        b"pfs-transform-1",
        (
            _framed(b"cmd", map(_bytes, transform.cmd)),
            _framed(b"stdin", map(_bytes, transform.stdin)),
            _framed(
                b"env",
                (_bytes(part) for pair in sorted(transform.env.items()) for part in pair),
            ),
            _framed(
                b"working_dir",
                () if transform.working_dir is None else (_bytes(transform.working_dir),),
            ),
            _framed(
                b"accept",
                (str(code).encode() for code in sorted(transform.accept_return_code)),
            ),
            *((_framed(b"image", (_bytes(transform.image),)),) if transform.image else ()),
            *(() if transform.user is None else (_framed(b"user", (_bytes(transform.user),)),)),
        ),
    )


def make_datum(key: bytes, inputs: tuple[DatumInput, ...]) -> Datum:
    """The datum of a transform (by its key) on these inputs; their order does not change its id."""
    parts = [key]
    ordered = sorted(inputs, key=_place) if len(inputs) > 1 else inputs
    for given in ordered:
        parts += (
            given.name.encode(),
            given.repo.encode(),
            _bytes(given.path),
            given.identity,
        )
    if any(given.join_on or given.group_by for given in ordered):
        parts.append(b"keys")
        parts += (_bytes(key) for given in ordered for key in (given.join_on, given.group_by))
    return Datum(_framed(b"pfs-datum-1", parts).hex(), inputs)


def _place(given: DatumInput) -> tuple[str, str]:
    return given.name, given.path


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _framed(kind: bytes, parts: Iterable[bytes]) -> bytes:
    """A hash of `parts`, each preceded by its length, so that no two lists of parts give the same bytes."""
    joined = b"".join([piece for part in parts for piece in (len(part).to_bytes(8, "big"), part)])
    return hashlib.blake2b(joined, digest_size=32, person=kind).digest()
