"""Programs that people use, in a directory: a plain one proves the test, a branch of a mounted store proves us."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest

import store
from pfsfuse.testing.mounted import Mounted

NUMBERS = count()
PROGRAMS: dict[str, Callable[[Path], None]] = {}


def program(function: Callable[[Path], None]) -> Callable[[Path], None]:
    PROGRAMS[function.__name__] = function
    return function


def run(*command: str | Path, cwd: Path) -> str:
    quiet = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "HOME": str(cwd)}
    done = subprocess.run(command, cwd=cwd, env=quiet, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


@program
def git(directory: Path) -> None:
    identity = ("-c", "user.name=A", "-c", "user.email=a@b", "-c", "init.defaultBranch=main")
    run("git", *identity, "init", "-q", "repo", cwd=directory)
    repo = directory / "repo"
    for number in range(20):
        (repo / f"file{number}").write_text(f"{number}\n" * 50)
    run("git", "add", ".", cwd=repo)
    run("git", *identity, "commit", "-qm", "one", cwd=repo)
    (repo / "file3").write_text("changed\n")
    run("git", *identity, "commit", "-qam", "two", cwd=repo)
    assert run("git", "status", "--porcelain", cwd=repo) == ""
    run("git", "checkout", "-q", "HEAD~1", cwd=repo)
    assert (repo / "file3").read_text() == "3\n" * 50
    run("git", "gc", "-q", cwd=repo)
    run("git", "fsck", "--strict", cwd=repo)
    run("git", "clone", "-q", "repo", "copy", cwd=directory)
    assert run("git", "log", "--oneline", cwd=directory / "copy").count("\n") == 1


def _fill(database: Path, journal: str) -> None:
    with sqlite3.connect(database) as connection:
        assert connection.execute(f"pragma journal_mode={journal}").fetchone() == (journal,)
        connection.execute("create table t (a integer primary key, b text)")
    for start in range(0, 300, 100):
        with sqlite3.connect(database) as connection:
            connection.executemany(
                "insert into t (b) values (?)", [(f"row {start + n}",) for n in range(100)]
            )
    with sqlite3.connect(database) as connection:
        connection.execute("delete from t where a % 3 = 0")
    with sqlite3.connect(database) as connection:
        connection.isolation_level = None
        connection.execute("vacuum")
        assert connection.execute("pragma integrity_check").fetchone() == ("ok",)
        assert connection.execute("select count(*) from t").fetchone() == (200,)


@program
def sqlite_with_a_rollback_journal(directory: Path) -> None:
    _fill(directory / "a.db", "delete")


@program
def sqlite_with_a_write_ahead_log(directory: Path) -> None:
    _fill(directory / "a.db", "wal")


@program
def sqlite_from_several_connections(directory: Path) -> None:
    database = directory / "a.db"
    with sqlite3.connect(database) as connection:
        connection.execute("create table t (a integer)")

    def insert() -> None:
        connection = sqlite3.connect(database, timeout=200)
        for number in range(10):
            with connection:
                connection.execute("insert into t values (?)", (number,))
        connection.close()

    threads = [threading.Thread(target=insert) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with sqlite3.connect(database) as connection:
        assert connection.execute("select count(*) from t").fetchone() == (30,)


@program
def tar(directory: Path) -> None:
    source = directory / "source"
    (source / "deep" / "er").mkdir(parents=True)
    (source / "deep" / "er" / "file").write_bytes(os.urandom(200_000))
    (source / "run").write_text("#!/bin/sh\n")
    (source / "run").chmod(0o750)
    (source / "link").symlink_to("deep/er/file")
    run("tar", "-cf", "archive.tar", "source", cwd=directory)
    (directory / "there").mkdir()
    run("tar", "-xf", "archive.tar", "-C", "there", cwd=directory)
    run("diff", "-r", "source", "there/source", cwd=directory)
    assert (directory / "there" / "source" / "run").stat().st_mode & 0o777 == 0o750
    assert os.readlink(directory / "there" / "source" / "link") == "deep/er/file"
    shutil.rmtree(directory / "there")


@program
def copy_and_move(directory: Path) -> None:
    run("sh", "-c", "mkdir -p a/b && seq 1000 > a/b/c && cp -a a copy && mv copy/b moved", cwd=directory)
    run("sh", "-c", "cmp a/b/c moved/c && rm -rf a copy && ! [ -e a ]", cwd=directory)
    run("sh", "-c", "cp --sparse=always moved/c sparse && cmp moved/c sparse", cwd=directory)


@program
def edit_in_place(directory: Path) -> None:
    (directory / "text").write_text("one\ntwo\n")
    run("sed", "-i", "s/two/three/", "text", cwd=directory)
    run(
        "sh", "-c", "echo four >> text; dd if=/dev/zero of=text bs=1 count=1 conv=notrunc 2>&1", cwd=directory
    )
    assert (directory / "text").read_bytes() == b"\0ne\nthree\nfour\n"


@program
def make(directory: Path) -> None:
    (directory / "main.c").write_text('#include <stdio.h>\nint main(void) { puts("built"); return 0; }\n')
    (directory / "Makefile").write_text("prog: main.c\n\tgcc -o prog main.c\n")
    run("make", cwd=directory)
    assert "up to date" in run("make", cwd=directory)
    assert run("./prog", cwd=directory) == "built\n"
    os.utime(directory / "main.c", (2_000_000_000, 2_000_000_000))
    assert "gcc" in run("make", cwd=directory)


@program
def pip_into_a_virtual_environment(directory: Path) -> None:
    run(sys.executable, "-m", "venv", "env", cwd=directory)
    assert run("env/bin/python", "-m", "pip", "--version", cwd=directory).startswith("pip ")
    run("env/bin/python", "-m", "pip", "uninstall", "-qy", "setuptools", cwd=directory)


@program
def pandas_and_parquet(directory: Path) -> None:
    code = (
        "import pandas as pd; df = pd.DataFrame({'a': range(1000)}); df.to_csv('a.csv', index=False);"
        "df.to_parquet('a.parquet'); assert (pd.read_parquet('a.parquet') == pd.read_csv('a.csv')).all().all()"
    )
    run(sys.executable, "-c", code, cwd=directory)


@program
def duckdb(directory: Path) -> None:
    code = (
        "import duckdb; c = duckdb.connect('a.duckdb');"
        "c.execute('create table t as select range a from range(10000)');"
        "c.execute('delete from t where a % 2 = 0'); c.execute('checkpoint'); c.close();"
        "assert duckdb.connect('a.duckdb').execute('select count(*) from t').fetchone() == (5000,)"
    )
    run(sys.executable, "-c", code, cwd=directory)


@program
def an_editor_that_saves_safely(directory: Path) -> None:
    """What vim and its like do: a copy aside, the new text under another name, synced, and renamed over the old one."""
    text = directory / "text"
    text.write_text("one\n")
    text.chmod(0o640)
    for version in range(5):
        shutil.copy2(text, directory / "text~")
        with open(directory / ".text.swp", "w") as swap:
            swap.write(f"version {version}\n")
            swap.flush()
            os.fsync(swap.fileno())
        shutil.copymode(text, directory / ".text.swp")
        os.rename(directory / ".text.swp", text)
        descriptor = os.open(directory, os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)
    assert text.read_text() == "version 4\n" and text.stat().st_mode & 0o777 == 0o640
    assert (directory / "text~").read_text() == "version 3\n"


@program
def vim(directory: Path) -> None:
    needs("vim")
    (directory / "text").write_text("one\ntwo\n")
    command = (
        "vim",
        "-Nu",
        "NONE",
        "-es",
        "-c",
        "set backup backupskip=",
        "-c",
        "%s/two/three/",
        "-c",
        "wq",
        "text",
    )
    run(*command, cwd=directory)
    assert (directory / "text").read_text() == "one\nthree\n"
    assert (directory / "text~").read_text() == "one\ntwo\n"


@program
def rsync_in_and_out(directory: Path) -> None:
    needs("rsync")
    source = directory / "source"
    (source / "below").mkdir(parents=True)
    (source / "below" / "large").write_bytes(os.urandom(2_000_000))
    (source / "link").symlink_to("below/large")
    os.utime(source / "below" / "large", ns=(1, 123_456_789))
    run("rsync", "-a", "source/", "copy", cwd=directory)
    with open(source / "below" / "large", "r+b") as file:
        file.seek(1_000_000)
        file.write(b"changed")
    run("rsync", "-a", "--inplace", "--no-whole-file", "source/", "copy", cwd=directory)
    assert run("rsync", "-aci", "--delete", "source/", "copy", cwd=directory) == ""
    run("diff", "-r", "source", "copy", cwd=directory)


@program
def zip_and_unzip(directory: Path) -> None:
    needs("zip", "unzip")
    (directory / "data").mkdir()
    (directory / "data" / "file").write_bytes(os.urandom(100_000))
    run("zip", "-qr", "data.zip", "data", cwd=directory)
    (directory / "data" / "more").write_text("more\n")
    run("zip", "-q", "data.zip", "data/more", cwd=directory)
    run("unzip", "-q", "data.zip", "-d", "there", cwd=directory)
    run("diff", "-r", "data", "there/data", cwd=directory)


@program
def tail_of_a_file_that_grows(directory: Path) -> None:
    log = directory / "log"
    log.write_text("first\n")
    command = ["tail", "-n", "+1", "-f", "--sleep-interval=0.05", log]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as following:
        assert following.stdout is not None
        assert following.stdout.readline() == "first\n"
        for number in range(3):
            with open(log, "a") as file:
                file.write(f"line {number}\n")
            assert following.stdout.readline() == f"line {number}\n"
        following.kill()


@program
def jupyter_saves_and_restores_a_notebook(directory: Path) -> None:
    """The part of JupyterLab's server that answers when a notebook is saved, kept, renamed and restored."""
    code = """
import asyncio, nbformat
from jupyter_server.services.contents.largefilemanager import AsyncLargeFileManager

async def work():
    manager = AsyncLargeFileManager(root_dir=".")
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1 + 1")])
    await manager.save({"type": "notebook", "content": book}, "a.ipynb")
    kept = await manager.create_checkpoint("a.ipynb")
    book.cells.append(nbformat.v4.new_markdown_cell("text"))
    await manager.save({"type": "notebook", "content": book}, "a.ipynb")
    await manager.rename("a.ipynb", "b.ipynb")
    assert len((await manager.get("b.ipynb"))["content"]["cells"]) == 2
    await manager.restore_checkpoint(kept["id"], "b.ipynb")
    assert len((await manager.get("b.ipynb"))["content"]["cells"]) == 1
    await manager.delete("b.ipynb")

asyncio.run(work())
"""
    pytest.importorskip("jupyter_server")
    run(sys.executable, "-c", code, cwd=directory)
    assert not (directory / "b.ipynb").exists()


def needs(*programs: str) -> None:
    missing = [program for program in programs if shutil.which(program) is None]
    if missing:
        pytest.skip(f"there is no {' and no '.join(missing)}")


@pytest.fixture
def branch(shared: tuple[store.Store, Mounted]) -> tuple[Mounted, Path]:
    """The mount, and a branch of the test's own in it."""
    opened, mount = shared
    name = f"trips{next(NUMBERS)}"
    opened.create_repo(name)
    return mount, mount.path / name


@pytest.mark.slow
@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_works_on_a_branch_as_in_a_plain_directory(branch, tmp_path, name):
    mount, writable = branch
    plain = tmp_path / "plain"
    plain.mkdir()
    PROGRAMS[name](plain)
    PROGRAMS[name](writable)
    mount.stage()
    (writable / "again").mkdir()
    PROGRAMS[name](writable / "again")
