"""A directory as an immutable sorted map of names to entries, in hashed nodes (a prolly tree).

Pure: nodes come from a `load` and go to a `save` that the caller brings. Same contents, same root, whatever the order
of the edits that led there.
"""

from store.tree.build import Load, Root, Save, build
from store.tree.cursor import iter_entries, lookup
from store.tree.diff import diff_names
from store.tree.edit import edit
from store.tree.merge import Answer, Resolve, Side, merge

__all__ = [
    "Answer",
    "Load",
    "Resolve",
    "Root",
    "Save",
    "Side",
    "build",
    "diff_names",
    "edit",
    "iter_entries",
    "lookup",
    "merge",
]
