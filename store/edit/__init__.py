"""Changes on top of a tree, and their becoming a draft or a commit: the only way anything changes."""

from store.edit.commit import ATTEMPTS, Edit, equal_roots
from store.edit.merge import Merge, Plan, plan
from store.edit.record import Heading
from store.edit.stage import Stage, Standing, look, record_of
from store.edit.stream import Buffer, FileWriter
from store.edit.together import Together
from store.edit.tree import TreeEdit

__all__ = [
    "ATTEMPTS",
    "Buffer",
    "Edit",
    "FileWriter",
    "Heading",
    "Merge",
    "Plan",
    "Stage",
    "Standing",
    "Together",
    "TreeEdit",
    "equal_roots",
    "look",
    "plan",
    "record_of",
]
