"""What all commands share: the global options, and what follows from them."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from pfsfuse.config import Config
    from pfsfuse.worktree.failures import NotStaged
    from store import Store


@dataclass(slots=True)
class App:
    """The global options; made empty and filled while click parses, since they may stand anywhere."""

    store_option: str | None = None
    json: bool = False
    debug: bool = False
    not_staged: list[NotStaged] = field(default_factory=list)
    """What `open` could not stage."""
    supervised: bool = False
    """Whether the process that started this one says what became of it."""

    def config(self) -> Config:
        """What the surroundings say, with what was typed on top."""
        from pfsfuse import config

        found = config.load(os.environ)
        if self.store_option is None:
            return found
        if not self.store_option:
            raise click.BadParameter("a directory is needed", param_hint="--store")
        return replace(found, store=Path(os.path.abspath(self.store_option)))

    def store_path(self) -> Path:
        """The store's directory, absolute; nothing need be there."""
        return self.config().store

    def open(self, *, drafts: bool = False) -> Store:
        """The store, which has to exist. The caller closes it. `drafts`: what was written in mounts is staged first, as
        far as that can be done: see `require_staged`.
        """
        import store

        if not drafts:
            return store.open(self._at_risk())
        from pfsfuse.cli.shared.progress import open_progress
        from pfsfuse.control import client

        with open_progress("stage", None) as line:
            progress = line.reach if line.shown else None
            self.not_staged = client.stage(self.store_path(), progress=progress)
            opened = store.open(self._at_risk())
            if (opened.path / "worktrees").exists():
                from pfsfuse.worktree.staging import stage_leftovers

                self.not_staged += stage_leftovers(opened, progress)
        return opened

    def require_staged(self, *branches: tuple[str, str]) -> None:
        """Raise WorktreeError when what was written to one of these, each a repo and a branch, is not staged."""
        from pfsfuse.errors import WorktreeError
        from pfsfuse.worktree.place import place

        for failure in self.not_staged:
            for repo, branch in branches:
                if failure.is_of(f"{repo}@{branch}", place(self.store_path(), repo, branch)):
                    raise WorktreeError(
                        f"what was written to {repo}@{branch} cannot be staged: {failure.why}",
                        hint=failure.hint,
                    )

    def open_or_create(self) -> Store:
        """The store, made if nothing is there yet. The caller closes it."""
        import store

        return store.open_or_create(self._at_risk())

    def _at_risk(self) -> Path:
        """The store's directory; should damage in it end this process, that is said."""
        from pfsfuse import lastwords

        path = self.store_path()
        if not self.supervised:
            lastwords.install(str(path))
        return path

    def refresh(self) -> None:
        """Tell the running daemons that a head moved, so that the next `ls` in a mount shows it."""
        from pfsfuse.control import client

        client.refresh(self.store_path())


pass_app = click.make_pass_decorator(App, ensure=True)
