"""A repo as a whole."""

from __future__ import annotations

from store.repo.squash import Squashing
from store.repo.versions import Versions


class Repo(Squashing, Versions):
    """A named line of versioned data. Made by `Store.repo` and `Store.create_repo`; cheap, holds nothing open."""
