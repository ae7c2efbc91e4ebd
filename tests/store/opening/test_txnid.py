"""The number that is polled for changes never promises more than a reader sees."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import store

WRITER = """
import sys, store
with store.open(sys.argv[1]) as data:
    shelf = data.shelf("numbers")
    for number in range(300):
        shelf.put(b"n", str(number).encode())
"""


def test_a_number_seen_implies_the_change_it_stands_for(tmp_path: Path) -> None:
    with store.create(tmp_path / "s") as data:
        shelf = data.shelf("numbers")
        shelf.put(b"n", b"-1")
        first = data.last_txnid()
        with subprocess.Popen([sys.executable, "-c", WRITER, str(data.path)]) as writer:
            while writer.poll() is None:
                number = data.last_txnid()
                seen = int(shelf.get(b"n") or b"")
                assert seen >= number - first - 1, "each transaction of the writer adds one to both"
        assert writer.returncode == 0
        assert shelf.get(b"n") == b"299"
        assert data.last_txnid() == first + 300
