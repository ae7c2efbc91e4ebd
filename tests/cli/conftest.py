"""Ways to run `pfs`: `pfs` starts the real command, `run` calls the same `main` in this process, which is quicker."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import store
from pfsfuse.cli.main import main

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Result:
    """How a command ended."""

    code: int
    out: str
    err: str


Run = Callable[..., Result]


@pytest.fixture
def store_path(tmp_path: Path) -> Path:
    """Where the commands of one test have their store; nothing is there yet."""
    return tmp_path / "store"


@pytest.fixture
def surroundings(tmp_path: Path, store_path: Path) -> dict[str, str]:
    """The environment of the commands: a store and a home of their own, UTC."""
    (tmp_path / "home").mkdir()
    return {
        "HOME": str(tmp_path / "home"),
        "LANG": "C.UTF-8",
        "PATH": os.environ["PATH"],
        "PFS_MOUNTPOINT": str(tmp_path / "mountpoint"),
        "PFS_STORE": str(store_path),
        "PYTHONPATH": str(ROOT),
        "TZ": "UTC",
    }


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """The current directory of the commands."""
    made = tmp_path / "work"
    made.mkdir()
    return made


@pytest.fixture
def pfs(surroundings: dict[str, str], work: Path) -> Run:
    """Run the real command in a process of its own; `stdin` is what it gets to read."""

    def start(*arguments: str, stdin: bytes = b"", env: dict[str, str] | None = None) -> Result:
        done = subprocess.run(
            [sys.executable, "-m", "pfsfuse.cli", *arguments],
            input=stdin,
            capture_output=True,
            cwd=work,
            env=surroundings | (env or {}),
            timeout=200,
            check=False,
        )
        return Result(done.returncode, done.stdout.decode(errors="surrogateescape"), done.stderr.decode())

    return start


@pytest.fixture
def run(
    surroundings: dict[str, str],
    work: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfdbinary: pytest.CaptureFixture[bytes],
) -> Iterator[Run]:
    """Call `main` in this process; everything but the interpreter's own end is as in `pfs`."""
    threshold = gc.get_threshold()
    for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "NO_COLOR", "PFS_MOUNTPOINT"):
        monkeypatch.delenv(name, raising=False)
    for name, value in surroundings.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(work)

    def call(*arguments: str) -> Result:
        capfdbinary.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        out, err = capfdbinary.readouterr()
        assert isinstance(ended.value.code, int)
        return Result(ended.value.code, out.decode(errors="surrogateescape"), err.decode())

    yield call
    gc.set_threshold(*threshold)  # `main` has it look for cycles seldom, and other tests leave some


@pytest.fixture
def ok(run: Run) -> Callable[..., str]:
    """Run a command that must succeed; its output."""

    def call(*arguments: str) -> str:
        result = run(*arguments)
        assert result.code == 0, result.err
        return result.out

    return call


@pytest.fixture
def trips(ok: Callable[..., str], work: Path) -> None:
    """A repo of three commits: 7-01-16, 7-02-16 and 2015/note.txt."""
    ok("repo", "create", "trips", "-d", "rides a day")
    for name, text in (("7-01-16", "first\n"), ("7-02-16", "second\n")):
        (work / name).write_text(text)
        ok("put", name, "trips", "-m", f"add {name}")
    (work / "note.txt").write_text("old\n")
    ok("put", "note.txt", "trips:2015/", "-m", "a note")


def last_txnid(store_path: Path) -> int | None:
    """Changes with every write to the store; None when there is no store."""
    try:
        with store.open(store_path) as opened:
            return opened.last_txnid()
    except store.NotAStore:
        return None
