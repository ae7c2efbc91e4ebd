"""A sweep beside a mount that reads: what is alive stays readable, what was deleted is an error for itself alone."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from pfsfuse.testing.mounted import mounted
from store import Store

DATA = {f"{number}": os.urandom(400_000) for number in range(10)}


def put(opened: Store, name: str) -> None:
    with opened.create_repo(name).edit() as edit:
        for path, content in DATA.items():
            edit.write(path, content + name.encode())


def test_a_mount_reads_on_while_its_store_is_collected(opened: Store, mountpoint: Path, fuse: None) -> None:
    put(opened, "kept")
    put(opened, "doomed")
    with mounted(opened.path, mountpoint) as mount:
        wrong: list[str] = []
        stop = threading.Event()

        def read() -> None:
            while not stop.is_set():
                for name, content in DATA.items():
                    descriptor = os.open(mount.path / "kept@master.1" / name, os.O_RDONLY | os.O_DIRECT)
                    try:
                        found = b"".join(iter(lambda: os.read(descriptor, 1 << 20), b""))  # noqa: B023
                    finally:
                        os.close(descriptor)
                    if found != content + b"kept":
                        wrong.append(name)

        reader = threading.Thread(target=read)
        reader.start()
        try:
            with open(mount.path / "doomed@master.1" / "5", "rb", buffering=0) as late:
                opened.delete_repo("doomed")
                for _ in range(3):
                    opened.sweep(opened.plan_gc())
                with pytest.raises(OSError):
                    late.read(1 << 20)
            put(opened, "again")
            opened.sweep(opened.plan_gc())
        finally:
            stop.set()
            reader.join(60)
        assert wrong == []
        mount.refresh()
        assert (mount.path / "again" / "3").read_bytes() == DATA["3"] + b"again"
        assert not (mount.path / "doomed").exists()
