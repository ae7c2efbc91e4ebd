"""Where things are, from the environment and the configuration file."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from pfsfuse.config import Config, ConfigError, load


def settings(home: Path, text: str) -> dict[str, str]:
    file = home / ".config/pfs/config.toml"
    file.parent.mkdir(parents=True)
    file.write_text(text)
    return {"HOME": str(home)}


def test_root_keeps_the_store_where_services_keep_their_state() -> None:
    assert load({"HOME": "/root"}, uid=0).store == Path("/var/lib/pfs")


@pytest.mark.parametrize(
    ("environ", "store"),
    [
        ({"HOME": "/home/ada"}, "/home/ada/.local/share/pfs"),
        ({"HOME": "/home/ada", "XDG_DATA_HOME": "/data"}, "/data/pfs"),
        ({"HOME": "/home/ada", "XDG_DATA_HOME": "relative"}, "/home/ada/.local/share/pfs"),
        ({"HOME": "/home/ada", "PFS_STORE": "/srv/pfs"}, "/srv/pfs"),
        ({"HOME": "/home/ada", "PFS_STORE": "~/mine"}, "/home/ada/mine"),
        ({"HOME": "/home/ada", "PFS_STORE": ""}, "/home/ada/.local/share/pfs"),
    ],
)
def test_others_keep_it_in_their_data_directory_unless_told_otherwise(
    environ: dict[str, str], store: str
) -> None:
    assert load(environ, uid=1000).store == Path(store)


def test_a_relative_store_is_meant_from_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert load({"HOME": "/home/ada", "PFS_STORE": "mine"}, uid=1000).store == tmp_path / "mine"


def test_the_mount_is_at_pfs_unless_told_otherwise() -> None:
    assert load({}, uid=0).mountpoint == Path("/pfs")
    assert load({"PFS_MOUNTPOINT": "/mnt/data"}, uid=0).mountpoint == Path("/mnt/data")


@pytest.mark.parametrize(
    ("environ", "color"),
    [({}, True), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, True), ({"TERM": "dumb"}, False)],
)
def test_colour_is_off_for_those_who_ask(environ: dict[str, str], color: bool) -> None:
    assert load(environ, uid=0).color is color


def test_the_environment_wins_over_the_file_which_wins_over_the_defaults(tmp_path: Path) -> None:
    environ = settings(tmp_path, 'store = "/from/file"\nmountpoint = "~/data"\n')
    assert load(environ, uid=0) == Config(store=Path("/from/file"), mountpoint=tmp_path / "data", color=True)
    assert load(environ | {"PFS_STORE": "/from/environ"}, uid=0).store == Path("/from/environ")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("store = ", "not TOML"),
        ("stor = '/x'", "unknown setting 'stor'"),
        ("store = 3", "store must be a path"),
        ("store = ''", "store must be a path"),
    ],
)
def test_a_file_that_cannot_be_meant_is_refused_by_name(tmp_path: Path, text: str, complaint: str) -> None:
    environ = settings(tmp_path, text)
    with pytest.raises(ConfigError, match=complaint) as refused:
        load(environ, uid=0)
    assert "config.toml" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_reading_it_imports_nothing_slow() -> None:
    code = "import sys, pfsfuse.config; print({'trio', 'msgspec', 'tomllib', 'lmdb', 'store'} & set(sys.modules))"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        == "set()\n"
    )
