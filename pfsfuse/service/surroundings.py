"""What the command of a service gets besides its view: environment variables and Jupyter's configuration.

Every service gets all of it: a specification whose standard input says `jupyter lab` needs the same as
`pfs jupyter`, and to anything else a few files in HOME do no harm.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from pfsfuse.errors import ServiceError
from pfsfuse.service.record import Order
from pfsfuse.worker.removal import remove_tree

JUPYTER_CONFIG = Path(__file__).parent / "jupyter_config"
CONFIG = "jupyter_config"
RUNTIME = "jupyter_runtime"
"""Both directly in HOME: the service cannot replace HOME itself, so nothing it leaves leads us elsewhere."""

SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

_JUPYTER = re.compile(r"(?:^|[\s/'\"])(?:jupyter(?:-(?:lab|notebook|server))?|jupyterlab)(?:$|[\s'\"])")


def runs_jupyter(cmd: tuple[str, ...], stdin: tuple[str, ...]) -> bool:
    """Does this command start a Jupyter server, as far as one can tell by looking?"""
    return bool(_JUPYTER.search(" ".join(cmd))) or any(_JUPYTER.search(line) for line in stdin)


def require_jupyter(cmd: tuple[str, ...], stdin: tuple[str, ...]) -> None:
    """Raise ServiceError when the command means the Jupyter beside this Python, and there is none."""
    words = " ".join((*cmd, *stdin))
    elsewhere = "/jupyter" in words or shutil.which("jupyter", path=_path()) is not None
    if importlib.util.find_spec("jupyterlab") is None and not elsewhere:
        raise ServiceError(
            "JupyterLab is not installed", hint=f"{sys.executable} -m pip install jupyterlab pandas"
        )


def environment(order: Order, given: Mapping[str, str], home: Path) -> dict[str, str]:
    """The variables of a service; `given` by its specification.

    The token travels here and nowhere else: argument lists can be read by every user of the host. It cannot be
    overridden, so that no specification opens a server to everybody.
    """
    return {
        "PATH": f"{_path()}:{home / CONFIG / 'bin'}",
        # Wins over what the installation brings and over ~/.jupyter, where people keep settings of their own.
        "JUPYTER_CONFIG_PATH": str(home / CONFIG),
        "JUPYTER_RUNTIME_DIR": str(home / RUNTIME),
        **given,
        "PFS_SERVICE_PORT": str(order.internal_port),
        "PFS_SERVICE_TOKEN": order.token,
        "JUPYTER_TOKEN": order.token,
    }


def _path() -> str:
    """Programs beside this Python first."""
    return f"{os.path.dirname(sys.executable)}:{SYSTEM_PATH}"


def configure(home: Path, *, resumed: bool) -> None:
    """Put Jupyter's configuration into the service's HOME, instead of what an earlier start left there.

    `resumed` after a crash: then browsers stay logged in. A new order has a new token, and what an old one let in
    must not get in any more. No process of the service may be alive.
    """
    _remove(home / CONFIG)
    shutil.copytree(JUPYTER_CONFIG, home / CONFIG, ignore=shutil.ignore_patterns("__pycache__"))
    for program in (home / CONFIG / "bin").iterdir():  # whatever the installation made of their modes
        program.chmod(0o755)
    if not resumed or (home / RUNTIME).is_symlink():
        _remove(home / RUNTIME)
    for left_behind in (home / RUNTIME).glob("jpserver-*"):  # addresses of servers that are gone
        _remove(left_behind)


def _remove(path: Path) -> None:
    """Remove what is at `path`, directly in HOME, where a service can put anything: a link to /etc, too."""
    if path.is_dir() and not path.is_symlink():
        remove_tree(path)
    else:
        path.unlink(missing_ok=True)
