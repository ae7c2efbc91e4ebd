"""A repo as a whole."""

from __future__ import annotations

from store.repo.drop import Dropping
from store.repo.versions import Versions


class Repo(Dropping, Versions):
    """A named line of versioned data. Made by `Store.repo` and `Store.create_repo`; cheap, holds nothing open."""
