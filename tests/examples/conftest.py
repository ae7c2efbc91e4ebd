"""What the tests of the example share."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.examples.investigation import EXAMPLE, Attended, Place, investigating_alone, program


@pytest.fixture(scope="session")
def plain_pfs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the notebook sees below /pfs, as ordinary directories: three repos and an empty `out`."""
    root = tmp_path_factory.mktemp("pfs")
    assert program("load.py", "--to", root).returncode == 0
    (root / "out").mkdir()
    compute_sales(root)
    (root / "sales").mkdir()
    (root / "out" / "sales.csv").rename(root / "sales" / "sales.csv")
    return root


def compute_sales(root: Path) -> None:
    """Run the pipeline's program on ordinary directories: `root` is its /pfs."""
    transform = yaml.safe_load((EXAMPLE / "sales.yaml").read_text())["transform"]
    code = "\n".join(transform["stdin"]).replace("/pfs/", f"{root}/")
    subprocess.run(transform["cmd"], input=code, text=True, check=True)


@pytest.fixture
def alone() -> Iterator[None]:
    with investigating_alone():
        yield


@pytest.fixture
def attended(tmp_path: Path, fuse: None, alone: None) -> Iterator[Attended]:
    """A running investigation, JupyterLab included."""
    investigation = Attended(Place.below(tmp_path))
    try:
        yield investigation
    finally:
        investigation.end()
