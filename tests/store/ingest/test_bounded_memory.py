"""A putting needs the memory of some windows and batches, however much is put."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

PROGRAM = """
import os, resource, sys, store
source, data = sys.argv[1:]
resource.setrlimit(resource.RLIMIT_DATA, (256 << 20, 256 << 20))
with store.create(data) as opened:
    with opened.create_repo("put").edit() as edit:
        edit.put_directory(source)
    print(edit.result.tree.files, edit.result.tree.size)
"""


@pytest.mark.slow
def test_more_than_fits_is_put_in_256_mebibytes(source, tmp_path):
    size = 0
    for number in range(2):
        with open(source / f"large-{number}", "wb") as out:
            for _ in range(10):
                size += out.write(os.urandom(16 << 20))
    (source / "names").mkdir()
    for number in range(5_000):
        (source / f"names/{number}").touch()
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, source, tmp_path / "store"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"5002 {size}\n"
