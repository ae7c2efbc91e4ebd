"""A worker that is not root: one process becomes nobody, works, and tells how it went."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from typing import Any

import pytest

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")

OPEN_TO_ALL = (
    "unshare",
    "--mount",
    "sh",
    "-c",
    'mount -t tmpfs none /mnt && mknod -m 666 /mnt/fuse c 10 229 && mount --bind /mnt/fuse /dev/fuse && exec "$@"',
    "sh",
)
"""Runs what follows with a /dev/fuse that everybody may use, as on most machines; some keep it for root."""

ASKING = """
use IO::Socket::UNIX;
for (;;) {
    my $next = IO::Socket::UNIX->new("/pfs/.next") or die "nobody hands out datums: $!";
    print $next "{\\"error\\": null}\\n";
    last unless <$next> =~ m{"rides": "([^"]+)"};
    open(my $in, "<", $1) or die;
    open(my $out, ">", "/pfs/out/x") or die;
    print $out "$$ $< ", <$in>;
}
"""
"""A command in a language that is everywhere, and that nobody may run: this Python may lie in somebody's home."""

WITHOUT_ROOT = f"""
import ctypes, encodings.ascii, json, os, sys, tempfile  # once we are nobody, nothing more may be readable
from pathlib import Path
import trio
import store
from pfsfuse import fuse
from pfsfuse.worker import namespace
from pfsfuse.worker.api import Input, Launch, Task, datum_pin
from pfsfuse.worker.lines import LineReader
from pfsfuse.worker.process import work
from pfsfuse.worker.protocol import decode_report, encode
from pfsfuse.worker.rooms import worker_directory

def fill(opened):
    with opened.create_repo("rides").edit() as edit:
        for name in "ab":
            edit.write(name, b"ride " + name.encode())
    wrote = opened.path / "wrote"
    wrote.mkdir()
    (wrote / "x").touch()
    with opened.edit_tree() as edit:
        edit.put_directory(wrote, passing=True)
        edit.save_pinned(b"x", lambda tree: b"")
    return str(opened.repo("rides").head().id)

with tempfile.TemporaryDirectory() as elsewhere:
    with store.create(Path(elsewhere) / "store") as opened:
        fill(opened)  # loads what is loaded at the first use
os.setgid(65534)
os.setuid(65534)
ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)  # changing user without exec hides /proc/self from ourselves
namespace.enter_private_mounts()
scratch = tempfile.TemporaryDirectory()
top = Path(scratch.name)
requests, reports = os.pipe(), os.pipe()

def task(name, commit):
    datum = name * 64
    given = Input(name="rides", repo="rides", commit=commit, paths=("/" + name,))
    launch = Launch(name=datum, cmd=("perl", "-e", {ASKING!r}), inputs=(given,), log=str(top / name), batch="one",
                    env={{"rides": "/pfs/rides/" + name}}, timeout_seconds=60.0)
    return Task(job="0" * 32, pipeline="sales", datum=datum, launch=launch)

async def ask(opened, commit):
    lines = LineReader(trio.lowlevel.FdStream(reports[0]))
    told = {{"sandbox": decode_report(await lines.next_line()).sandbox}}
    os.write(requests[1], encode(Launch(name="x", cmd=("id", "-u"), log=str(top / "log"))))
    await lines.next_line()
    told["exit_code"] = decode_report(await lines.next_line()).exit_code
    told["printed"] = (top / "log").read_text()
    for name in "ab":
        os.write(requests[1], encode(task(name, commit)))
        outcome = decode_report(await lines.next_line())
        pin = opened.pins.get(datum_pin(outcome.datum))
        wrote = [opened.open(each).read().decode() for each in opened.iter_directory(pin.tree)] if pin else []
        told[name] = [outcome.state, outcome.reason, *wrote]
    os.close(requests[1])
    print(json.dumps(told), flush=True)

async def main(opened, commit):
    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask, opened, commit)
        await work(opened, worker_directory(opened.path, os.getpid()), fuse.serve,
                   requests=requests[0], reports=reports[1])

with store.create(top / "store") as opened:
    trio.run(main, opened, fill(opened))
scratch.cleanup()
"""


@pytest.fixture(scope="module")
def told() -> dict[str, Any]:
    """What the worker has told, whose end was without a word of complaint."""
    done = subprocess.run(
        [*OPEN_TO_ALL, sys.executable, "-c", WITHOUT_ROOT], capture_output=True, text=True, cwd="/"
    )
    assert done.stderr == ""
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_a_worker_needs_no_root(told: dict[str, Any]) -> None:
    assert (told["sandbox"], told["exit_code"], told["printed"]) == ("bubblewrap", 0, "65534\n")


@pytest.mark.skipif(shutil.which("perl") is None, reason="there is no perl, which nobody could run")
def test_nor_does_a_command_that_computes_datum_after_datum(told: dict[str, Any]) -> None:
    states = [told[name][:2] for name in "ab"]
    assert states == [["success", ""], ["success", ""]]
    pids = {told[name][2].split(" ", 1)[0] for name in "ab"}
    assert len(pids) == 1
    assert [told[name][2].split(" ", 1)[1] for name in "ab"] == ["65534 ride a", "65534 ride b"]
