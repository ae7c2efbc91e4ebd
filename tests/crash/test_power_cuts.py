"""The power is cut: what was acknowledged has reached the disk, not only the kernel.

An ext4 of our own on a loop device is shut down in mid-flight by an ioctl that throws away what the kernel has not
written yet (EXT4_IOC_SHUTDOWN without flushing the log), which is what a power cut does; `kill -9` never shows a
missing fsync. `POWER_CUTS` sets how many, `CRASH_SEED` repeats the moments.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CUTS = int(os.environ.get("POWER_CUTS", "20"))
SEED = int(os.environ.get("CRASH_SEED", str(random.SystemRandom().randrange(1 << 32))))
PROGRAM = """
import fcntl, os, pathlib, random, struct, subprocess, sys, time
import store
from store.testing.crash.harness import Tally, Worker, hear, hear_until_ready, look
from store.testing.crash.ledger import Ledger
from store.testing.crash.work import SHARED

image, disk, cuts, seed = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
SHUTDOWN, WITHOUT_FLUSH = 0x8004587D, struct.pack("I", 2)


def mount():
    subprocess.run(["mount", "-o", "loop", image, disk], check=True)


def cut():
    descriptor = os.open(disk, os.O_RDONLY)
    fcntl.ioctl(descriptor, SHUTDOWN, WITHOUT_FLUSH)
    os.close(descriptor)


rng, tally, ledger = random.Random(seed), Tally(), Ledger(refs={SHARED: {"master": None}})
mount()
with store.create(disk / "s") as data:
    data.create_repo(SHARED)
for _ in range(cuts):
    workers = [Worker("writer", f"w{number}", disk / "s", rng.getrandbits(32), rng) for number in range(2)]
    for worker in workers:
        hear_until_ready(worker, ledger)
    end = time.monotonic() + rng.uniform(0, 0.4)
    for worker in workers:
        hear(worker.pipe, worker, ledger, until=end)
    cut()
    for worker in workers:
        worker.process.kill()
        worker.process.join()
        try:
            hear(worker.pipe, worker, ledger, until=0)
        except AssertionError as error:
            assert "NotWritable" in str(error) or "Input/output error" in str(error), error  # it met the dead disk
        worker.pipe.close()
    subprocess.run(["umount", disk], check=True)
    subprocess.run(["fsck.ext4", "-fp", image], check=False, capture_output=True)
    mount()
    look(disk / "s", ledger, tally)
    if sum(one.stat().st_size for one in (disk / "s").iterdir()) > 100 << 20:
        with store.open(disk / "s") as data:
            data.sweep(data.plan_gc())
subprocess.run(["umount", disk], check=True)
print(ledger.acknowledged)
"""


@pytest.fixture
def loop(tmp_path: Path) -> tuple[Path, Path]:
    """An image of an ext4, and where to mount it."""
    image, disk = tmp_path / "image", tmp_path / "disk"
    disk.mkdir()
    with image.open("wb") as file:
        file.truncate(512 << 20)
    tools = shutil.which("mkfs.ext4") and shutil.which("unshare") and os.geteuid() == 0
    try_it = 'mkfs.ext4 -q -F "$1" && mount -o loop "$1" "$2" && umount "$2"'
    command = ["unshare", "--mount", "sh", "-c", try_it, "sh", image, disk]
    if not tools or subprocess.run(command, capture_output=True, check=False).returncode:
        # Not every machine that runs the tests may mount a loop device; kills alone are tested everywhere.
        pytest.skip("no ext4 on a loop device here: NOTHING about power cuts was tested")
    return image, disk


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_what_was_acknowledged_before_a_power_cut_is_there_after_it(loop):
    print(f"CRASH_SEED={SEED}")
    done = subprocess.run(
        ["unshare", "--mount", sys.executable, "-c", PROGRAM, *loop, str(CUTS), str(SEED)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stderr[-3000:]
    print(f"{CUTS} power cuts, {done.stdout.strip()} changes acknowledged, 0 lost")
    assert int(done.stdout) > 0
