"""The front page, executed: every command of its console blocks, in order, with what it prints."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
VARIES = [
    (re.compile(r"\b[0-9a-f]{32}\b"), "<id>"),
    (re.compile(r"\b[0-9a-f]{8}\b"), "<id>"),
    (re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"), "<time>"),
    (re.compile(r"\d+\.\d s\b"), "<seconds>"),
    (re.compile(r"\(pid \d+\)"), "(pid)"),
    (re.compile(r"\broot\b"), "<user>"),
]
"""What is another value at each run. 27651 trips are no id: ids are 8 or 32 digits long."""


def steps() -> list[tuple[str, str]]:
    """The commands of the console blocks, each with what the page says it prints."""
    blocks = re.findall(r"```console\n(.*?)```", README, re.DOTALL)
    parts = [part for block in blocks for part in re.split(r"^\$ ", block, flags=re.MULTILINE) if part]
    return [(command, printed) for command, _, printed in (part.partition("\n") for part in parts)]


def plain(text: str) -> str:
    for pattern, name in VARIES:
        text = pattern.sub(name, text)
    return text


@pytest.fixture
def surroundings(fuse: None, tmp_path: Path) -> Iterator[dict[str, str]]:
    """A store and a mountpoint of the test's own, and `pfs` in the PATH as after `scripts/run`."""
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "pfs").write_text(f'#!/bin/sh\nexec {sys.executable} -m pfsfuse.cli "$@"\n')
    (programs / "pfs").chmod(0o700)
    path = f"{programs}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    env = {
        **os.environ,
        "PATH": path,
        "PFS_STORE": str(tmp_path / "store"),
        "PFS_MOUNTPOINT": str(tmp_path / "pfs"),
        "PYTHONPATH": str(ROOT),
        "NO_COLOR": "1",
        "USER": "root",
        "LOGNAME": "root",
    }
    yield env
    subprocess.run(["pfs", "umount"], env=env, capture_output=True, check=False)


def test_each_command_of_the_front_page_prints_what_the_page_says(surroundings: dict[str, str]) -> None:
    mountpoint = surroundings["PFS_MOUNTPOINT"]
    assert len(steps()) > 15
    for command, printed in steps():
        real = command.replace("/pfs/", f"{mountpoint}/")
        done = subprocess.run(
            ["bash", "-c", real], cwd=ROOT, env=surroundings, capture_output=True, text=True, check=False
        )
        shown = (done.stdout + done.stderr).replace(mountpoint, "/pfs")
        assert plain(shown) == plain(printed), command


def test_the_python_on_the_front_page_runs(tmp_path: Path) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    program = code.replace("/tmp/data", str(tmp_path / "data"))
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.stderr, done.stdout) == ("", "date,trips\n2016-07-31,27651\n\n")


def test_every_link_of_the_pages_leads_somewhere() -> None:
    pages = [page for page in ROOT.glob("**/*.md") if ".venv" not in page.parts]
    links = [(page, link) for page in pages for link in re.findall(r"\]\(([^)#:]+)\)", page.read_text())]
    assert [f"{page.name}: {link}" for page, link in links if not (page.parent / link).exists()] == []
