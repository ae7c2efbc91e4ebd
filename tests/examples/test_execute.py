"""Executing a notebook through a running Jupyter server, which here serves ordinary directories."""

# nbformat has no types:
# mypy: allow-untyped-calls

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from tests.examples.investigation import EXAMPLE, FOUND, program
from tests.ports import free_port

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server(plain_pfs: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a Jupyter server whose files are those of `plain_pfs`."""
    home = tmp_path_factory.mktemp("home")
    port = free_port()
    command = [sys.executable, "-m", "jupyter_server", "--no-browser", "--ip=127.0.0.1", f"--port={port}"]
    command += ["--allow-root", f"--ServerApp.root_dir={plain_pfs}", "--IdentityProvider.token=sesame"]
    environ = {**os.environ, "PFS_ROOT": str(plain_pfs), "HOME": str(home), "JUPYTER_RUNTIME_DIR": str(home)}
    with (home / "log").open("w") as log:
        process = subprocess.Popen(command, env=environ, stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + 200
        while not answers(f"http://127.0.0.1:{port}/api"):
            assert process.poll() is None, (home / "log").read_text()
            assert time.monotonic() < deadline, "the server does not answer"
        yield f"http://127.0.0.1:{port}/lab?token=sesame"
    finally:
        process.terminate()
        process.wait()


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5):
            return True
    except (urllib.error.URLError, OSError):
        time.sleep(0.05)
        return False


def test_the_investigation_runs_where_the_server_is_and_is_stored_there_with_its_outputs(
    server: str, plain_pfs: Path
) -> None:
    done = program("execute.py", EXAMPLE / "investigate.ipynb", server)
    assert (done.returncode, done.stdout) == (0, FOUND), done.stderr

    stored = nbformat.read(plain_pfs / "out" / "investigate.ipynb", as_version=4)
    nbformat.validate(stored)
    assert stored.cells[-1].outputs[0].text == FOUND
    assert any(
        "image/png" in output.get("data", {}) for cell in stored.cells for output in cell.get("outputs", [])
    )
    counts = [cell.execution_count for cell in stored.cells if cell.cell_type == "code"]
    assert counts == list(range(1, len(counts) + 1))
    assert (plain_pfs / "out" / "sales-and-rain.png").exists()


def test_a_failing_cell_is_named_in_one_line_and_stored_with_its_error(
    server: str, plain_pfs: Path, tmp_path: Path
) -> None:
    cells = [
        new_code_cell("print('so far')"),
        new_code_cell("1 / 0", id="mistake"),
        new_code_cell("print('never')"),
    ]
    nbformat.write(new_notebook(cells=cells), tmp_path / "failing.ipynb")

    done = program("execute.py", tmp_path / "failing.ipynb", server)
    assert done.returncode == 1
    assert done.stderr == "execute.py: cell 'mistake' failed: ZeroDivisionError: division by zero\n"

    stored = nbformat.read(plain_pfs / "out" / "failing.ipynb", as_version=4)
    assert [len(cell.outputs) for cell in stored.cells] == [1, 1, 0]
    assert stored.cells[1].outputs[0].ename == "ZeroDivisionError"


def test_a_kernel_that_dies_is_reported(server: str, tmp_path: Path) -> None:
    nbformat.write(new_notebook(cells=[new_code_cell("import os; os._exit(1)")]), tmp_path / "dying.ipynb")
    done = program("execute.py", tmp_path / "dying.ipynb", server)
    assert (done.returncode, done.stderr) == (1, "execute.py: the kernel died\n")


def test_a_wrong_token_and_a_missing_server_are_named(server: str) -> None:
    refused = program("execute.py", EXAMPLE / "investigate.ipynb", server.replace("sesame", "poppy"))
    assert refused.returncode == 1
    assert "does not take this token" in refused.stderr
    absent = program("execute.py", EXAMPLE / "investigate.ipynb", "http://127.0.0.1:1/lab?token=sesame")
    assert absent.returncode == 1
    assert "no Jupyter server answers at 127.0.0.1:1" in absent.stderr
    assert "Traceback" not in refused.stderr + absent.stderr
