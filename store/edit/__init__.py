"""Changes on top of a tree, and their becoming a commit: the only way anything changes."""

from store.edit.commit import ATTEMPTS, Edit, Heading
from store.edit.merge import Merge, Plan, plan
from store.edit.stream import FileWriter
from store.edit.tree import TreeEdit

__all__ = ["ATTEMPTS", "Edit", "FileWriter", "Heading", "Merge", "Plan", "TreeEdit", "plan"]
