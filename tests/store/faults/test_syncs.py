"""Every acknowledgement follows a sync of its own."""

from __future__ import annotations

import os
import subprocess
import sys

PROGRAM = """
import ctypes, sys, store
syncs = ctypes.CDLL(None).fault_syncs
syncs.restype = ctypes.c_long
counted, last = 0, 0

def acknowledged(what, result):
    global counted, last
    assert syncs() > last, f"{what} returned, and nothing was synced since the one before"
    counted, last = counted + 1, syncs()
    return result

def commit(number, branch):
    with trips.edit(branch) as edit:
        edit.write(f"{number} {branch}", b"%d" % number)
    return edit.result

with store.create(sys.argv[1]) as data:
    trips = acknowledged("create", data.create_repo("trips"))
    first = acknowledged("commit", commit(0, "master"))
    for number in range(1, 50):
        acknowledged("branch", trips.create_branch(f"b{number}", trips.head()))
        there = acknowledged("commit", commit(number, f"b{number}"))
        acknowledged("commit", commit(number, "master"))
        acknowledged("merge", trips.merge("master", there))
        acknowledged("tag", trips.create_tag(f"t{number}", there))
        acknowledged("move", trips.advance(f"b{number}", expect=there.id, to=first.id))
        acknowledged("delete", trips.delete_branch(f"b{number}"))
        acknowledged("pin", data.pins.put(b"%d" % number, there.tree))
        acknowledged("shelf", data.shelf("s").put(b"%d" % number, b"1"))
        with data.edit_tree() as edit:
            edit.write("a", b"%d" % number)
            acknowledged("save", edit.save())
    acknowledged("delete", data.delete_repo("trips"))
    data.pins.put(b"1", there.tree)  # what was saved and is not kept holds up a sweep until then
    last = syncs()
    acknowledged("sweep", data.sweep(data.plan_gc()))
print(counted)
"""


def test_whatever_returns_has_been_synced_since_the_one_before(shim, tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, tmp_path / "s"],
        env=os.environ | {"LD_PRELOAD": str(shim)},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stderr[-2000:]
    assert int(done.stdout) == 494
