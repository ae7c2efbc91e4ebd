"""Bundles, as a store makes and takes them."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, BinaryIO

from store.engine import Environment
from store.format.tables import Header
from store.repo import Repo

if TYPE_CHECKING:
    from store import transfer
    from store.transfer import BundlePlan, ImportPlan


class Bundling:
    """The part of a store that makes and imports bundles, which most programs never do: `transfer` is imported then."""

    _env: Environment
    header: Header

    @abstractmethod
    def repo(self, name: str) -> Repo:
        """The repo called `name`. Raises RepoNotFound."""

    def plan_bundle(self, refs: Iterable[str], *, since: Iterable[str] = ()) -> BundlePlan:
        """What a bundle of `refs` (`REPO`: all its branches and tags; `REPO@REF`) would hold for a receiver that has
        the commits `since`. Raises RepoNotFound, RefNotFound, BadExpression, Corrupt.
        """
        from store import transfer

        return transfer.plan_bundle(
            self._env, transfer.choose(self.repo, refs), transfer.had(self.repo, since)
        )

    def write_bundle(
        self,
        stream: BinaryIO,
        refs: Iterable[str],
        *,
        since: Iterable[str] = (),
        progress: transfer.BundleProgress = lambda size, total: None,
    ) -> BundlePlan:
        """Write that bundle to `stream`, with all history but that of `since`; what it holds. Every object is checked.

        `progress` is told the bytes of each piece, before compression, and those of all. Raises what `plan_bundle` and
        `stream` raise; what was written then is no bundle, and every reader sees that.
        """
        from store import transfer

        chosen, has = transfer.choose(self.repo, refs), transfer.had(self.repo, since)
        return transfer.write_bundle(self._env, self.header, chosen, has, stream, progress)

    def import_bundle(
        self,
        stream: BinaryIO,
        *,
        rename: Mapping[str, str] | None = None,
        force: bool = False,
        dry_run: bool = False,
        progress: transfer.BundleProgress = lambda size, total: None,
    ) -> ImportPlan:
        """Import a bundle, all or nothing; what was done, or with `dry_run` would be. Durable on return.

        `rename` gives repos other names here. Branches move forward only, unless `force`; tags never move. Commits keep
        their ids, and all their bytes unless a repo is renamed. Raises BadBundle, Refused, BadName,
        PrerequisiteMissing, Diverged, Exists, Full; then no repo, commit or ref has changed.
        """
        from store import transfer

        return transfer.import_bundle(
            self._env, stream, rename=rename, force=force, dry_run=dry_run, progress=progress
        )
