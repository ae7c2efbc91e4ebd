"""Programs that run in a mount namespace of their own, with a small disk."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[[str, str], str]
UNSHARE = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--map-root-user", "--mount"]


@pytest.fixture
def on_small_disk(tmp_path: Path) -> Run:
    """Runs a Python program after `setup`, shell commands in a private mount namespace; `disk` is an empty tmpfs.

    The program finds the disk as `disk`, a Path, and `store` imported; what it prints is returned.
    """
    if subprocess.run([*UNSHARE, "true"], capture_output=True, check=False).returncode:
        if os.environ.get("CI"):
            pytest.fail("no private mount namespace, and CI is set: nothing about full disks was tested")
        pytest.skip("no private mount namespace: NOTHING about full and read-only disks was tested")
    disk = tmp_path / "disk"
    disk.mkdir()

    def run(options: str, program: str) -> str:
        mount = f'mount -t tmpfs -o {options} none "$1" && exec "$2" -c "$3" "$1"'
        prelude = "import sys, os, pathlib, subprocess, store\ndisk = pathlib.Path(sys.argv[1])\n"
        done = subprocess.run(
            [*UNSHARE, "sh", "-c", mount, "sh", disk, sys.executable, prelude + program],
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
        return done.stdout

    return run
