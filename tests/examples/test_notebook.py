"""The investigation, executed on ordinary directories by a kernel of its own."""

# nbformat has no types:
# mypy: allow-untyped-calls

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from tests.examples.investigation import EXAMPLE, FOUND


@pytest.mark.slow
def test_the_investigation_finds_the_two_rainy_days_and_draws_them(
    plain_pfs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PFS_ROOT", str(plain_pfs))
    notebook = nbformat.read(EXAMPLE / "investigate.ipynb", as_version=4)
    NotebookClient(notebook, timeout=200, startup_timeout=200, kernel_name="python3").execute()

    (printed,) = notebook.cells[-1].outputs
    assert printed.text == FOUND
    figure = (plain_pfs / "out" / "sales-and-rain.png").read_bytes()
    assert figure.startswith(b"\x89PNG")
    assert len(figure) > 20_000, "an empty figure has a fifth of that"


def test_the_notebook_is_kept_clean_of_outputs() -> None:
    notebook = nbformat.read(EXAMPLE / "investigate.ipynb", as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert code
    assert all(cell.outputs == [] and cell.execution_count is None for cell in code)
