"""A mount stages its branches one by one, and says which it could not."""

from __future__ import annotations

import logging
import os
import threading
from functools import partial

import trio

from pfsfuse.fuse import staging
from pfsfuse.fuse.staging import Stager
from pfsfuse.testing.worktrees import opened_tree
from pfsfuse.vfs import HostView, Vfs
from pfsfuse.worktree.files import Files
from pfsfuse.worktree.staging import stage
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


def test_nobody_waits_until_what_is_left_over_is_removed(tmp_path, monkeypatch):
    import store

    removing, go, spare = threading.Event(), threading.Event(), Files._spare

    def held(self, number):
        removing.set()
        assert go.wait(60)
        return spare(self, number)

    monkeypatch.setattr(Files, "_spare", held)
    with store.create(tmp_path / "s") as data:
        data.create_repo("trips")
        tree = opened_tree(data)
        for name in (b"1", b"2"):
            tree.make(tree.model.root, name, 0o100644)
        tree.settle(stage(data, tree).tree, None)
        tree.close()
        files = tree.directory / "files"

        async def run() -> None:
            vfs = Vfs(HostView(data, writable=True))
            with trio.fail_after(60):
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(Stager(vfs, Unasked()).tidy)
                    branch = vfs.lookup(1, b"trips")
                    vfs.writing.make(branch.ino, b"first", 0o040755)  # what begins the working tree
                    assert await trio.to_thread.run_sync(removing.wait, 60)
                    assert vfs.lookup(branch.ino, b"1") is not None
                    vfs.writing.make(branch.ino, b"new", 0o040755)
                    assert len(os.listdir(files)) == 2
                    go.set()
                    while any(name.isdecimal() for name in os.listdir(files)):
                        await trio.sleep(0.01)
                    nursery.cancel_scope.cancel()
            vfs.view.close()

        trio.run(run)
