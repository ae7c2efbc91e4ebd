"""Commands in container images: built here, without a registry."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from working import run

from pfsfuse.errors import JobError
from pfsfuse.worker.api import Limits, Outcome, Task, datum_pin
from pfsfuse.worker.image import UNUSED_SECONDS, open_image, remove_unused, require_podman
from pfsfuse.worker.local import images, open_local_executor
from store import Store

Tasks = Callable[..., Task]
NAME = f"localhost/pfs-test-{os.getpid()}:1"
PROGRAMS = ("sh", "cat", "cp", "env", "touch", "id", "ls")

with_podman = pytest.mark.skipif(
    shutil.which("podman") is None or shutil.which("bwrap") is None,
    reason="podman or bubblewrap is not installed, so NOTHING about images was tested",
)


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An image of a few programs of this host and one file that no host has."""
    root = tmp_path_factory.mktemp("image")
    for program in PROGRAMS:
        path = shutil.which(program)
        assert path is not None
        said = subprocess.run(["ldd", path], capture_output=True, text=True).stdout
        for needed in (path, *(word for word in said.split() if word.startswith("/"))):
            inside = root / (f"bin/{program}" if needed == path else needed.lstrip("/"))
            inside.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(needed, inside)
    (root / "only-here").write_text("in the image\n")
    (root / "home").symlink_to("var/home")  # as some have it
    archive = root.parent / "image.tar"
    subprocess.run(["tar", "-C", str(root), "-cf", str(archive), "."], check=True)
    said_env = ["--change", "ENV COLOR=blue", "--change", "WORKDIR /bin"]
    done = subprocess.run(
        ["podman", "import", "-q", *said_env, str(archive), NAME], capture_output=True, text=True
    )
    if done.returncode:
        pytest.skip(f"podman cannot make an image here, so NOTHING about images was tested: {done.stderr}")
    yield NAME
    subprocess.run(["podman", "rmi", "--force", NAME], capture_output=True)


def in_image(store: Store, *tasks: Task) -> list[Outcome]:
    async def go() -> list[Outcome]:
        async with open_local_executor(store.path, 1) as executor:
            return [await executor.run(task) for task in tasks]

    return run(go)


def kept(store: Store, task: Task, name: bytes) -> bytes:
    pin = store.pins.get(datum_pin(task.datum))
    assert pin is not None
    entry = store.lookup(pin.tree, name)
    assert entry is not None
    return store.fetch(store.extents(entry, 0, entry.size))


@with_podman
@pytest.mark.usefixtures("fuse")
def test_a_command_in_an_image_has_the_image_s_files_and_settings_and_the_same_walls(
    store: Store, task: Tasks, image: str
) -> None:
    script = """cat /only-here /pfs/trips/2016/july.csv; echo $COLOR $HOME $PWD
touch $HOME/x /tmp/x /pfs/out/x; touch /x 2> /dev/null || echo read-only; ls -A /work /farm 2> /dev/null; exit 0"""
    given = task(f"({script}) > /pfs/out/said", image=image, working_dir="")
    failing = task("exit 3", number=2, image=image)
    hog = task(
        "x=aaaaaaaa; while :; do x=$x$x; done",
        number=3,
        image=image,
        limits=Limits(memory=32 << 20),
        network=False,
    )
    outcome, failed, starved = in_image(store, given, failing, hog)
    assert outcome.state == "success", outcome.reason
    assert kept(store, given, b"said") == b"in the image\n31\nblue /pfs-home /bin\nread-only\n"
    assert failed.exit_code == 3
    assert "out of memory: it may use 32 MiB" in starved.reason
    left = subprocess.run(
        ["podman", "ps", "-a", "-q", "--filter", f"ancestor={NAME}"], capture_output=True, text=True
    )
    assert left.stdout == ""


@with_podman
@pytest.mark.usefixtures("fuse")
def test_an_image_that_is_not_to_be_had_is_a_failed_datum_that_names_it(store: Store, task: Tasks) -> None:
    (outcome,) = in_image(store, task("true", image="localhost/pfs-no-such-image:0"))
    assert outcome.state == "failed"
    assert "image 'localhost/pfs-no-such-image:0' cannot be used" in outcome.reason


@with_podman
def test_an_image_is_unpacked_once_and_removed_when_nobody_asks_for_it(store: Store, image: str) -> None:
    first, second = (open_image(images(store.path), image) for _ in range(2))
    assert first == second and first.working_dir == "/bin" and first.env["COLOR"] == "blue"
    (images(store.path) / "new-left").mkdir()
    remove_unused(images(store.path))
    assert first.root.is_dir() and not (images(store.path) / "new-left").exists()
    old = first.root.stat().st_mtime - UNUSED_SECONDS - 1
    os.utime(first.root, (old, old))
    remove_unused(images(store.path))
    assert not first.root.exists()


def test_without_podman_the_error_names_the_two_ways_out(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(JobError, match="'python:3' needs podman, which is not installed") as raised:
        require_podman("python:3")
    assert "install podman" in raised.value.hint() and "--ignore-image" in raised.value.hint()
