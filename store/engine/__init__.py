"""LMDB, and the only folder that says so."""

from store.engine.drafts import decode_draft, find_draft, iter_drafts, move_draft
from store.engine.env import Environment
from store.engine.objects import ObjectReader
from store.engine.packing import Packed, Plain
from store.engine.refs import Refs, RefsWriting, RepoRefs
from store.engine.sharing import acquire, release
from store.engine.txn import Reading, Writing
from store.engine.writer import WINDOW, ObjectWriter

__all__ = [
    "WINDOW",
    "Environment",
    "ObjectReader",
    "ObjectWriter",
    "Packed",
    "Plain",
    "Reading",
    "Refs",
    "RefsWriting",
    "RepoRefs",
    "Writing",
    "acquire",
    "decode_draft",
    "find_draft",
    "iter_drafts",
    "move_draft",
    "release",
]
