"""What Tab offers, asked as the shells ask."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest


@pytest.fixture
def complete(ok, surroundings, trips, tmp_path):
    """Offer completions for a line as bash does: through the printed script, in a real bash."""
    ok("branch", "create", "trips@dev")
    ok("tag", "create", "trips@v1")
    ok("repo", "create", "weather")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "pfs").write_text(f'#!/bin/sh\nexec {sys.executable} -m pfsfuse.cli "$@"\n')
    (tmp_path / "bin" / "pfs").chmod(0o755)
    env = surroundings | {"PATH": f"{tmp_path / 'bin'}:{surroundings['PATH']}"}

    def ask(line: str) -> list[str]:
        script = (
            'compopt() { :; }; eval "$(pfs completion bash)"; '
            'COMP_LINE="$1"; COMP_POINT=${#1}; _pfs_completion pfs; printf "%s\\n" "${COMPREPLY[@]}"'
        )
        bash = shutil.which("bash")
        assert bash is not None
        done = subprocess.run(
            [bash, "-c", script, "bash", line], env=env, capture_output=True, text=True, check=True
        )
        assert done.stderr == ""
        return done.stdout.split()

    return ask


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("pfs bra", ["branch"]),
        ("pfs branch ", ["create", "delete", "list", "move", "untrigger"]),
        ("pfs put --rec", ["--recursive"]),
        ("pfs ls tr", ["trips"]),
        ("pfs ls ", ["trips", "weather"]),
        ("pfs ls trips@", ["dev", "master", "v1"]),
        ("pfs ls trips@ma", ["master"]),
        ("pfs cat trips:", ["2015/", "7-01-16", "7-02-16"]),
        ("pfs cat trips@master.1:7", ["7-01-16"]),
        ("pfs cat trips:2015/n", ["2015/note.txt"]),
        ("pfs repo show w", ["weather"]),
        ("pfs merge trips@", ["dev", "master", "v1"]),
        ("pfs cherry-pick trips@dev tr", ["trips"]),
        ("pfs mv trips:7-01-16 trips:20", ["2015/"]),
        ("pfs rm trips:7-01-16 trips:2015/", ["2015/note.txt"]),
        ("pfs ls nosuch@", []),
        ("pfs ls trips@master.9:", []),
        ("pfs --store /nonexistent ls ", []),
    ],
)
def test_commands_repos_refs_and_paths_are_completed(complete, line, offered):
    assert sorted(complete(line)) == offered


@pytest.mark.parametrize(("shell", "mark"), [("zsh", "compdef"), ("fish", "complete --no-files")])
def test_the_other_shells_get_their_scripts(shell, mark, ok):
    assert mark in ok("completion", shell)
