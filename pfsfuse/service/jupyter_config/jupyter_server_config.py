"""How a Jupyter server behaves as a service: read by Jupyter, never imported by us.

Copied to the service's HOME before each start, so that any Jupyter finds it, whether it was started by
`pfs jupyter` or by a line of shell in a specification, and whether or not it can import pfsfuse. What is given to
Jupyter on its command line wins over this.
"""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from jupyter_server.services.contents.filecheckpoints import AsyncFileCheckpoints
from jupyter_server.services.contents.largefilemanager import AsyncLargeFileManager
from tornado.web import HTTPError

STATE = os.path.expanduser("~/.local/state/checkpoints")


class ReadOnlyIs403:
    """Answers 403 where a commit refuses a change; Jupyter does so for missing permission, and says 500 otherwise."""

    @contextmanager
    def perm_to_403(self, os_path: str = "") -> Iterator[None]:
        try:
            with super().perm_to_403(os_path):  # type: ignore[misc]  # the class it is mixed into has it
                yield
        except OSError as error:
            if error.errno != errno.EROFS:
                raise
            raise HTTPError(403, "commits cannot be changed; save below /out") from error


class ServiceContents(ReadOnlyIs403, AsyncLargeFileManager):  # type: ignore[misc]  # its bases disagree upstream
    """Files as Jupyter has them, with polite refusals."""


class ServiceCheckpoints(ReadOnlyIs403, AsyncFileCheckpoints):
    """Checkpoints in the service's own state, one directory for each directory of notebooks.

    Jupyter would put them beside the notebook, where they would be committed, or, where it may not write, into a
    directory below /tmp with a name that anybody can foresee.
    """

    def checkpoint_path(self, checkpoint_id: str, path: str) -> str:
        parent, _, name = path.strip("/").rpartition("/")
        stem, extension = os.path.splitext(name)
        folder = os.path.join(STATE, hashlib.sha256(parent.encode()).hexdigest()[:16])
        os.makedirs(folder, mode=0o700, exist_ok=True)
        return os.path.join(folder, f"{stem}-{checkpoint_id}{extension}")

    async def create_checkpoint(self, contents_mgr: Any, path: str) -> Any:
        # Jupyter copies nothing that it could not write back, and would call that an internal error.
        with self.perm_to_403(path):
            return await super().create_checkpoint(contents_mgr, path)  # type: ignore[no-untyped-call]


c: Any = get_config()  # type: ignore[name-defined]  # noqa: F821 - Jupyter defines it for its configuration files

c.ServerApp.ip = "127.0.0.1"
c.ServerApp.port = int(os.environ["PFS_SERVICE_PORT"])
# Another port than the one people were told is no help.
c.ServerApp.port_retries = 0
c.ServerApp.open_browser = False
c.ServerApp.allow_root = os.geteuid() == 0
c.ServerApp.root_dir = "/pfs"
# Taken out of the environment, which kernels inherit: a notebook that prints it would be committed with the token.
# Unset (the file is read again, or somebody starts a second Jupyter in a terminal) Jupyter makes one up.
if token := os.environ.pop("JUPYTER_TOKEN", ""):
    c.IdentityProvider.token = token

# Commits are read-only, so the place to start in is the one that can be written to.
c.FileContentsManager.preferred_dir = "out"
c.FileContentsManager.checkpoints_class = ServiceCheckpoints
# The trash would be a directory in /pfs/out, and be committed.
c.FileContentsManager.delete_to_trash = False
c.ServerApp.contents_manager_class = ServiceContents

# Announcements and updates are looked for on the network; `labconfig` switches off the browser's half.
c.LabApp.news_url = None
c.LabApp.check_for_updates_class = "jupyterlab.NeverCheckForUpdate"
