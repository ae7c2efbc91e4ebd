"""The bike-share investigation in one command: from nothing to what happened on 30 and 31 July 2016.

Mounts the store, orders the pipeline, loads July day by day, opens JupyterLab on the three repos at
the commit of 31 July, executes the notebook in it and prints what it found. On a terminal
everything then stays up until Ctrl-C. However it ends, what it started is stopped, and what was
saved in /pfs/out is committed to the repo `jupyter`. It can be run again at any time.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from mounted import mounted
from shell import Ended, Endings, Shell, StepFailed

from pfsfuse import config
from pfsfuse.errors import PfsError

HERE = Path(__file__).resolve().parent
NOTEBOOK = HERE / "investigate.ipynb"
FIGURE = "sales-and-rain.png"
LAST_DAY = "trips@master.31"
SERVICE = "jupyter"
"""The service and its repo are called like the file it is made from."""


def prepare(shell: Shell) -> None:
    """Repos, pipeline, and 31 days of data; what is there already is left as it is."""
    there = shell.ask("status")
    for name in ("trips", "weather"):
        if name not in there["repos"]:
            shell.pfs("repo", "create", name)
    if "sales" not in {pipeline["name"] for pipeline in there["pipelines"]}:
        shell.pfs("pipeline", "create", "-f", _relative(HERE / "sales.yaml"))
    shell.say(shell.python(HERE / "load.py").rstrip())
    shell.say(shell.pfs("wait", LAST_DAY).rstrip())


@contextmanager
def jupyter(shell: Shell) -> Iterator[dict[str, Any]]:
    """The running service, as `pfs service show` knows it."""
    if _state(shell) not in (None, "stopped", "failed"):
        shell.aside("JupyterLab of an earlier run is still there")
        shell.pfs("service", "stop", SERVICE)
    with tempfile.TemporaryDirectory() as scratch:
        spec = _on_free_ports(shell, HERE / "jupyter.json", Path(scratch))
        try:
            shell.pfs("service", "create", "-f", _relative(spec))
            yield shell.ask("service", "show", SERVICE)
        finally:
            if _state(shell) is not None:
                shell.pfs("service", "stop", SERVICE)


def _state(shell: Shell) -> str | None:
    """Of the service; None when there has never been one."""
    return next((each["state"] for each in shell.ask("service", "list") if each["name"] == SERVICE), None)


def _on_free_ports(shell: Shell, file: Path, scratch: Path) -> Path:
    """`file` as it is, or a copy of it in `scratch` with other ports if one of its own is taken."""
    spec = json.loads(file.read_text())
    taken = {key: port for key, port in spec["service"].items() if not _is_free(port)}
    if not taken:
        return file
    for key, port in taken.items():
        spec["service"][key] = _free_port()
        shell.say(f"port {port} is taken; {key} is {spec['service'][key]} instead")
    copy = scratch / file.name
    copy.write_text(json.dumps(spec))
    return copy


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
            probe.listen(1)
        except OSError:
            return False
    return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def investigate(shell: Shell, service: dict[str, Any], figure: Path) -> str:
    """Execute the notebook in JupyterLab and bring its figure here; returns what the notebook found."""
    found = shell.python(HERE / "execute.py", _relative(NOTEBOOK))
    try:
        figure.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(Path(service["out"]) / FIGURE, figure)
    except OSError as error:
        raise StepFailed(
            f"{error.filename}: {error.strerror}; --figure says where to put the figure"
        ) from error
    return found


def _relative(path: Path) -> str:
    """As one would type it."""
    return min(os.path.relpath(path), str(path), key=len)


def run(
    shell: Shell, endings: Endings, settings: config.Config, mountpoint: Path | None, figure: Path
) -> None:
    with ExitStack() as stack:
        try:
            where = stack.enter_context(mounted(shell, endings, settings, mountpoint))
            prepare(shell)
            service = stack.enter_context(jupyter(shell))
            found = investigate(shell, service, figure)
            shell.say("")
            shell.say(found.rstrip())
            shell.say(f"figure: {figure}")
            shell.say("url: " + service["url"].replace("/lab?", f"/lab/tree/out/{NOTEBOOK.name}?"))
            if sys.stdout.isatty():
                shell.aside(f"everything is under {where} and stays until Ctrl-C")
                wait_for_the_end()
            shell.say("")
        finally:
            endings.ignore()


def wait_for_the_end() -> None:
    try:
        while True:
            signal.pause()
    except Ended:
        return


def main() -> None:
    parser = argparse.ArgumentParser(
        description="Why did New York's bike share sell so little on 30 July 2016?"
    )
    parser.add_argument("--store", type=Path, metavar="DIR", help="the store (default: as for pfs)")
    parser.add_argument("--mountpoint", type=Path, metavar="DIR", help="where to mount it (default: /pfs)")
    parser.add_argument(
        "--figure",
        type=Path,
        metavar="FILE",
        default=HERE.parents[1] / "build" / FIGURE,
        help="where to copy the figure (default: build/ of this project)",
    )
    args = parser.parse_args()
    endings = Endings()
    try:
        settings = config.load(os.environ)
        if args.store:
            settings = replace(settings, store=args.store.absolute())
        shell = Shell({**os.environ, "PFS_STORE": str(settings.store)}, color=settings.color)
        run(shell, endings, settings, args.mountpoint and args.mountpoint.absolute(), args.figure.absolute())
    except (StepFailed, PfsError) as error:
        sys.exit(f"run.py: {error}")
    except OSError as error:
        sys.exit(f"run.py: {error}")
    except Ended as ended:
        sys.exit(ended.code)


if __name__ == "__main__":
    main()
