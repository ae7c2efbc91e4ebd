"""Runs of the tests that were killed do not keep the next from ending well."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.leftovers import KEPT, clear_away

DIG = "import os\nfor n in range(1200): os.mkdir('deep'); os.chdir('deep')"


def test_what_killed_runs_have_left_goes_and_what_runs_or_may_be_looked_at_stays(tmp_path: Path) -> None:
    names = ["pytest-0", "pytest-1", "pytest-2", "pytest-3", "pytest-8", "pytest-9", "garbage-abc"]
    for name in names:
        (tmp_path / name / "popen-gw0").mkdir(parents=True)
    (tmp_path / "pytest-current").symlink_to("pytest-9")
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    (tmp_path / "pytest-0" / ".lock").write_text(f"{os.getpid()}")
    (tmp_path / "pytest-8" / ".lock").write_text(f"{dead.pid}")
    subprocess.run([sys.executable, "-c", DIG], cwd=tmp_path / "pytest-8", check=True)
    clear_away(tmp_path)
    kept = {path.name for path in tmp_path.iterdir() if not path.is_symlink()}
    assert kept == {"pytest-0", "pytest-2", "pytest-3", "pytest-9"} and KEPT == 3
    clear_away(tmp_path / "nowhere")
