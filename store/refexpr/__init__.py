"""Ref expressions: text naming a commit, and a path in it."""

from store.refexpr.grammar import Back, FromRoot, Moment, Ref, Target, parse, parse_ref
from store.refexpr.resolve import Names, resolve

__all__ = ["Back", "FromRoot", "Moment", "Names", "Ref", "Target", "parse", "parse_ref", "resolve"]
