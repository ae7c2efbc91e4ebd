"""A repo: its branches, its history, what is staged for it, and edits that become commits."""

from store.repo import together
from store.repo.changes import undecided
from store.repo.repo import Repo

__all__ = ["Repo", "together", "undecided"]
