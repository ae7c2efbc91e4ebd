"""A mount stages its branches one by one, and says which it could not."""

from __future__ import annotations

import logging
from functools import partial

import trio

from pfsfuse.fuse import staging
from pfsfuse.fuse.staging import Stager
from pfsfuse.vfs import HostView, Vfs
from store import Full


class Unasked:
    """A kernel that shows nothing of this."""

    async def refresh(self) -> None:
        pass


def test_a_branch_that_cannot_be_staged_is_told_and_logged_and_does_not_stop_the_others(
    tmp_path, monkeypatch, caplog
):
    import store

    with store.create(tmp_path / "s") as data:
        view = HostView(data, writable=True)
        assert view.branches is not None
        for name in ("trips", "weather"):
            branch = view.branches.get(data.create_repo(name), "master")
            branch.open().make(branch.open().model.root, b"new", 0o100644)
        real = staging.stage

        def full(opened, worktree, *told):
            if worktree.repo == "trips":
                raise Full(opened.path)
            return real(opened, worktree, *told)

        monkeypatch.setattr(staging, "stage", full)
        (failure,) = trio.run(Stager(Vfs(view), Unasked()).stage)
        assert failure.branch == "trips@master" and "no space left" in failure.why and failure.hint
        assert data.repo("weather").find_draft() is not None and data.repo("trips").find_draft() is None
        assert [record.levelno for record in caplog.records] == [logging.ERROR]
        monkeypatch.undo()
        assert trio.run(partial(Stager(Vfs(view), Unasked()).stage)) == []
        assert data.repo("trips").find_draft() is not None
        view.close()
