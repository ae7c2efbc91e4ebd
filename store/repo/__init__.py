"""A repo: its branches, its history, and edits that become commits."""

from store.repo.repo import Repo

__all__ = ["Repo"]
