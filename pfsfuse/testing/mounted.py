"""A mounted store for tests: a real mount, served by a process of its own.

    with mounted(store_path, mountpoint) as mount:
        (mount.path / "trips").iterdir()

The process is this module run as a program. It takes one command per line on its standard input and answers
each with one line of JSON, so that a test can count requests without causing any:

    refresh        show what the store holds now; answers when the kernel agrees
    stage          move what was written into the drafts of its branches
    requests       how often each operation was asked for, and how many inodes the kernel knows
    add {…}        show a job's view: {"inputs": {"trips": {"ref": "trips@master", "paths": ["/"]}},
                   "whole_host": false}
    remove NAME    show it no longer

It unmounts and ends at the end of its input, and on SIGTERM and SIGINT.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import trio

import store
from pfsfuse.fuse import Committer, Refresher, Stager, serve
from pfsfuse.vfs import HostView, JobView, JobViews, Vfs, ViewInput

END_SECONDS = 100


class Mounted:
    """A mount and the process behind it."""

    def __init__(self, process: subprocess.Popen[str], path: Path) -> None:
        self.process = process
        self.path = path

    def ask(self, command: str) -> Any:
        """Send a command and return its answer."""
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise RuntimeError(f"the mount's process ended with {self.process.wait()}")
        return json.loads(answer)

    def refresh(self) -> None:
        """Return when the kernel agrees with the store."""
        self.ask("refresh")

    def stage(self) -> list[str]:
        """Return when what was written is in the store's drafts; what could not be moved there, and why."""
        failed: list[str] = self.ask("stage")
        return failed

    def requests(self) -> Counter[str]:
        """Requests answered so far, by operation."""
        return Counter(self.ask("requests")["requests"])

    def inodes(self) -> int:
        """How many nodes the kernel knows, the root included."""
        return int(self.ask("requests")["inodes"])

    def add(self, inputs: Mapping[str, tuple[str, list[str]]], *, whole_host: bool = False) -> Path:
        """Show a job's view: input name to (ref, paths); its directory."""
        shown = {name: {"ref": ref, "paths": paths} for name, (ref, paths) in inputs.items()}
        return self.path / str(self.ask("add " + json.dumps({"inputs": shown, "whole_host": whole_host})))

    def remove(self, view: Path) -> None:
        """Show it no longer."""
        self.ask(f"remove {view.name}")

    def stop(self) -> int:
        """Unmount and end; the exit code."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        return self.process.wait(END_SECONDS)


@contextmanager
def mounted(
    store_path: Path, mountpoint: Path, *options: str, prefix: Sequence[str] = ()
) -> Iterator[Mounted]:
    """Mount the store until the block ends. `options` are those of the program below, run by way of `prefix`."""
    command = [*prefix, sys.executable, "-m", __name__, str(store_path), str(mountpoint), *options]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        mount = Mounted(process, mountpoint)
        try:
            if process.stdout.readline() != '"ready"\n':
                raise RuntimeError(f"no mount: exit code {process.wait()}")
            yield mount
        finally:
            if process.poll() is None:
                try:
                    mount.stop()
                except subprocess.TimeoutExpired:
                    process.kill()
                    raise


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("store", type=Path)
    parser.add_argument("mountpoint", type=Path)
    parser.add_argument("--jobs", action="store_true", help="a worker's mount, empty at first")
    parser.add_argument("--allow-other", action="store_true")
    parser.add_argument("--writable", action="store_true", help="branches can be written to")
    parser.add_argument("--unflagged", action="store_true", help="mount without the read-only flag")
    parser.add_argument("--view", action="append", help="NAME=REF: show this, and nothing that is not named")
    parser.add_argument("--xattrs", action="store_true", help="extended attributes are answered")
    options = parser.parse_args()
    with store.open(options.store) as opened:
        trio.run(_run, opened, options)


async def _run(opened: store.Store, options: argparse.Namespace) -> None:
    view = (
        JobViews(opened)
        if options.jobs
        else HostView(
            opened,
            writable=options.writable,
            apart=options.xattrs,
            chosen=dict(each.split("=", 1) for each in options.view) if options.view else None,
        )
    )
    vfs = Vfs(view)
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_cancel_on_signal, signals, nursery.cancel_scope)
            async with trio.open_nursery() as mount:
                refresher: Refresher = await mount.start(_serve, vfs, options)
                print('"ready"', flush=True)
                stager = Stager(vfs, refresher)
                nursery.start_soon(stager.tidy)
                if view.branches is not None:
                    vfs.committing = Committer(opened, view.branches, stager, refresher.refresh)
                nursery.start_soon(_obey, vfs, refresher, stager, nursery.cancel_scope)
            nursery.cancel_scope.cancel()


async def _serve(
    vfs: Vfs,
    options: argparse.Namespace,
    *,
    task_status: trio.TaskStatus[Refresher] = trio.TASK_STATUS_IGNORED,
) -> None:
    await serve(
        vfs,
        options.mountpoint,
        allow_other=options.allow_other,
        read_only=not (options.unflagged or options.writable),
        attributes=options.xattrs,
        task_status=task_status,
    )


async def _cancel_on_signal(signals: Any, scope: trio.CancelScope) -> None:
    async for _ in signals:
        scope.cancel()


async def _obey(vfs: Vfs, refresher: Refresher, stager: Stager, scope: trio.CancelScope) -> None:
    rest = b""
    async with trio.lowlevel.FdStream(os.dup(0)) as commands:
        async for data in commands:
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                print(json.dumps(await _answer(vfs, refresher, stager, line.decode())), flush=True)
    scope.cancel()


async def _answer(vfs: Vfs, refresher: Refresher, stager: Stager, command: str) -> object:
    verb, _, rest = command.partition(" ")
    if verb == "refresh":
        await refresher.refresh()
        return True
    if verb == "stage":
        return [str(each) for each in await stager.stage()]
    if verb == "requests":
        return {"requests": vfs.meter.counts(), "inodes": len(vfs.inodes)}
    assert isinstance(vfs.view, JobViews)
    if verb == "add":
        return vfs.view.add(_view(vfs.store, json.loads(rest)))
    vfs.view.remove(rest)
    return True


def _view(opened: store.Store, described: Mapping[str, Any]) -> JobView:
    inputs = {}
    for name, value in described["inputs"].items():
        commit = opened.resolve(value["ref"]).commit
        assert commit is not None
        inputs[name] = ViewInput(commit, tuple(value["paths"]))
    return JobView(inputs, whole_host=described["whole_host"])


if __name__ == "__main__":
    main()
