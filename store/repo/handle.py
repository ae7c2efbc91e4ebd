"""What every part of a repo starts from: where it is kept, and what was said when it was made."""

from __future__ import annotations

from store.commit import Commit, handle
from store.engine import Environment
from store.errors import InUse
from store.format.tables import RepoBody
from store.records import CommitRecord
from store.trees import Trees


class Handle:
    """A repo by its name. Cheap, holds nothing open."""

    def __init__(self, env: Environment, trees: Trees, name: str, body: RepoBody) -> None:
        self._env, self._trees = env, trees
        self.name = name
        self.description = body.description
        self.origin = body.origin
        """Who makes its commits: "user", "pipeline", "service" or "cron"."""
        self.created_ns = body.created_ns
        self.default_branch = body.default_branch

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}>"

    def check_editable(self) -> None:
        """Raise InUse when people do not edit this repo, since a pipeline or its clock makes what is in it."""
        if self.origin == "pipeline":
            raise InUse(
                f"{self.name!r} is what pipeline {self.name!r} computes; it is not edited by hand",
                hint="`pfs cp` copies from it into a repo of your own",
            )
        if self.origin == "cron":
            raise InUse(
                f"{self.name!r} holds the ticks of a clock; it is not edited by hand",
                hint="`pfs pipeline run-cron PIPELINE` makes a tick now",
            )

    def _commit(self, record: CommitRecord) -> Commit:
        return handle(record, self._trees)
