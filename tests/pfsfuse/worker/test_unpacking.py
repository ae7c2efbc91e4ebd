"""What images may hold, and what becomes of it: unpacked by way of a podman that is a script."""

from __future__ import annotations

import fcntl
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from pfsfuse.errors import JobError
from pfsfuse.worker.image import open_image, remove_unused
from pfsfuse.worker.imageroot import FILES, PLACES

PODMAN = """#!/bin/sh
case $1 in
image) echo '[{"Id": "1234"}]' ;;
create) echo made ;;
export) cat "$ARCHIVE" ;;
esac
"""

Unpack = Callable[[], Path]


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """The files of an image, to be added to: it has a shell."""
    (tmp_path / "image" / "bin").mkdir(parents=True)
    (tmp_path / "image" / "bin" / "sh").touch()
    return tmp_path / "image"


@pytest.fixture
def unpack(tmp_path: Path, image: Path, monkeypatch: pytest.MonkeyPatch) -> Unpack:
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "podman").write_text(PODMAN)
    (programs / "podman").chmod(0o755)
    monkeypatch.setenv("PATH", str(programs), prepend=":")
    monkeypatch.setenv("ARCHIVE", str(tmp_path / "archive"))

    def go() -> Path:
        subprocess.run(["tar", "-C", str(image), "-cf", str(tmp_path / "archive"), "."], check=True)
        return open_image(tmp_path / "images", "name").root

    return go


def test_places_for_what_a_launch_has_of_its_own_are_directories_whatever_the_image_has_there(
    image: Path, unpack: Unpack
) -> None:
    (image / "pfs").write_text("a file")
    (image / "tmp").symlink_to("/var/tmp")
    (image / "run").symlink_to("nowhere")
    (image / "etc" / "resolv.conf").mkdir(parents=True)
    (image / "etc" / "hosts").symlink_to("/run/hosts")
    root = unpack()
    assert all((root / each).is_dir() and not (root / each).is_symlink() for each in PLACES)
    assert all((root / each).is_file() and not (root / each).is_symlink() for each in FILES)


@pytest.mark.parametrize("climbs", [False, True])
def test_an_etc_that_leads_out_of_the_image_leads_to_its_place_inside_and_changes_nothing_on_the_host(
    image: Path, unpack: Unpack, tmp_path: Path, climbs: bool
) -> None:
    there = tmp_path / "host" / "etc"
    there.mkdir(parents=True)
    (there / "resolv.conf").symlink_to("somewhere")
    (image / "etc").symlink_to("../" * 30 + str(there).lstrip("/") if climbs else there)
    root = unpack()
    assert [path.name for path in there.iterdir()] == ["resolv.conf"]
    assert (there / "resolv.conf").is_symlink()
    inside = root / str(there).lstrip("/")
    assert sorted(path.name for path in inside.iterdir()) == ["hosts", "resolv.conf"]
    assert (root / "etc").resolve() == inside.resolve()


def test_a_shell_of_the_host_is_none_of_the_image(image: Path, unpack: Unpack, tmp_path: Path) -> None:
    (image / "bin" / "sh").unlink()
    (image / "bin").rmdir()
    (image / "bin").symlink_to("/usr/bin")
    with pytest.raises(JobError, match=r"has no /bin/sh"):
        unpack()
    assert not [path for path in (tmp_path / "images").iterdir() if path.name != ".lock"]


def test_a_shell_behind_links_is_found(image: Path, unpack: Unpack) -> None:
    (image / "usr").mkdir()
    (image / "bin").rename(image / "usr" / "bin")
    (image / "bin").symlink_to("/usr/bin")
    (image / "usr" / "bin" / "sh").rename(image / "usr" / "bin" / "dash")
    (image / "usr" / "bin" / "sh").symlink_to("dash")
    assert (unpack() / "usr" / "bin" / "dash").exists()


@pytest.mark.usefixtures("unpack")
def test_nothing_goes_on_of_an_image_that_is_not_wanted_any_more(tmp_path: Path) -> None:
    (tmp_path / "bin" / "podman").write_text('#!/bin/sh\necho $$ > "$ARCHIVE.pid"; exec sleep 86400\n')
    asked: list[int] = []

    class Stopped(Exception):
        pass

    def check() -> None:
        pid = tmp_path / "archive.pid"
        if pid.exists() and pid.read_text():
            asked.append(int(pid.read_text()))
            raise Stopped

    with pytest.raises(Stopped):
        open_image(tmp_path / "images", "name", check)
    assert not Path(f"/proc/{asked[0]}").exists()


def test_what_somebody_unpacks_is_not_taken_for_left_over(tmp_path: Path) -> None:
    (tmp_path / "images" / "new-one").mkdir(parents=True)
    with open(tmp_path / "images" / ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        remove_unused(tmp_path / "images")
        assert (tmp_path / "images" / "new-one").exists()
    remove_unused(tmp_path / "images")
    assert not (tmp_path / "images" / "new-one").exists()
