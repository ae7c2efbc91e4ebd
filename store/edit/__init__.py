"""Changes on top of a tree, and their becoming a commit: the only way anything changes."""

from store.edit.commit import Draft, Edit
from store.edit.tree import TreeEdit

__all__ = ["Draft", "Edit", "TreeEdit"]
