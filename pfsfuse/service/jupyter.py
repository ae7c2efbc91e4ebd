"""The specification of a JupyterLab on given commits: what `pfs jupyter trips@master.31 sales` orders."""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Iterable, Sequence

from pfsfuse.errors import ServiceError
from pfsfuse.pipeline import CrossInput, PfsInput, Spec, Transform
from pfsfuse.pipeline import Service as Ports
from pfsfuse.service.orders import create_service
from pfsfuse.service.record import Service
from store import Store, Target, names


def start_jupyter(
    store: Store, refs: Sequence[str], *, port: int = 8888, name: str = "jupyter", wait_seconds: float = 90.0
) -> Service:
    """Start JupyterLab with a directory `/pfs/<repo>` for each of `refs`, fixed at what it means now.

    Several refs of one repo show as `/pfs/trips-master-30` and so on. Without refs it sees the whole mount. Returns
    when it answers; `url` of the result is what to open.

    Raises ServiceError when JupyterLab is not installed or a ref has no commits, and whatever `create_service`
    and `Store.resolve` raise.
    """
    return create_service(store, jupyter_spec(store, refs, port=port, name=name), wait_seconds=wait_seconds)


def jupyter_spec(store: Store, refs: Sequence[str], *, port: int, name: str) -> Spec:
    """The specification, with every input at an exact commit."""
    names.repo(name)
    leaves = tuple(_inputs((text, store.resolve(text)) for text in refs))
    return Spec(
        name=name,
        description="JupyterLab on " + (", ".join(refs) if refs else "the whole mount"),
        transform=Transform(cmd=(sys.executable, "-m", "jupyterlab"), working_dir="/pfs/out"),
        input=None if not leaves else leaves[0] if len(leaves) == 1 else CrossInput(members=leaves),
        service=Ports(internal_port=port, external_port=port),
    )


def _inputs(targets: Iterable[tuple[str, Target]]) -> Iterable[PfsInput]:
    found = list(targets)
    uses = Counter(target.repo.name for _, target in found)
    taken: set[str] = set()
    for text, target in found:
        repo, commit = target.repo.name, target.commit
        if target.path:
            raise ServiceError(
                f"{text}: an input is a whole commit", hint=f"leave out {text[text.index(':') :]!r}"
            )
        if commit is None:
            raise ServiceError(f"{text}: no commits yet", hint=f"`pfs put FILE {text}` makes the first")
        name = repo if uses[repo] == 1 else _directory(repo, text)
        if name in taken:
            raise ServiceError(
                f"{text}: another one would show as /pfs/{name}, too",
                hint="give each once, and several commits of a branch by their numbers: `trips@master.1`",
            )
        taken.add(name)
        yield PfsInput(name=name, repo=repo, branch=commit.branch, commit=str(commit.id))


def _directory(repo: str, text: str) -> str:
    """`trips-master-31` for `trips@master.31`: a name for one of several refs of a repo."""
    ref = re.sub(r"[^A-Za-z0-9_]+", "-", text.partition("@")[2]).strip("-")
    return f"{repo}-{ref}" if ref else repo
