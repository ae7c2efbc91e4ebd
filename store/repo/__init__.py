"""A repo: its branches, its history, what is staged for it, and edits that become commits."""

from store.repo import together
from store.repo.changes import undecided
from store.repo.drop import Dropped
from store.repo.repo import Repo
from store.repo.squash import Squashed
from store.repo.versions import Version

__all__ = ["Dropped", "Repo", "Squashed", "Version", "together", "undecided"]
