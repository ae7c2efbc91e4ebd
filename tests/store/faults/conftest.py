"""The library that lets calls fail, compiled."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library that lets calls fail."""
    if shutil.which("cc") is None:
        if os.environ.get("CI"):
            pytest.fail("no C compiler, and CI is set: nothing about failing writes was tested")
        pytest.skip("no C compiler: NOTHING about failing writes was tested")
    made = tmp_path_factory.mktemp("shim") / "shim.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", made, HERE / "shim.c", "-ldl"], check=True)
    return made
