"""The `input` section of a specification: what each of its fields means."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Literal

import store
from pfsfuse.errors import SpecError
from pfsfuse.pipeline.fields import Field
from pfsfuse.pipeline.glob import Glob, compile_glob, compile_template
from pfsfuse.pipeline.input import (
    Branching,
    CronInput,
    CrossInput,
    GroupInput,
    Input,
    JoinInput,
    Leaf,
    PfsInput,
    Trigger,
    UnionInput,
    leaves,
)
from pfsfuse.pipeline.reader import shown
from pfsfuse.pipeline.schedule import compile_schedule, find_time
from pfsfuse.pipeline.tables import CRON, INPUT, PFS, PROPAGATION, TRIGGER
from pfsfuse.pipeline.trigger import make_trigger

_OLD_COMMIT = re.compile(r"(?P<branch>.+)/(?P<number>[0-9]{1,15})")
_RESERVED = frozenset({"out"})
"""Names under `/pfs` that are not inputs."""
_BRANCHINGS: dict[str, Callable[..., Branching]] = {
    "cross": CrossInput,
    "union": UnionInput,
    "join": JoinInput,
    "group": GroupInput,
}
_KEYS = {"join": "join_on", "group": "group_by"}
"""What the leaves below must say."""


def read_input(field: Field, *, pipeline: str, for_service: bool) -> Input:
    """The `input` section of the pipeline of this name. Names are unique: no datum has two inputs of one name."""
    read = _read_input(field, pipeline, for_service, frozenset())
    _check_names(read, field, may_share=True)
    return read


def _read_input(field: Field, pipeline: str, for_service: bool, within: frozenset[str]) -> Input:
    """Exactly one kind of input; `within`: the kinds it stands in."""
    found = field.table(INPUT)
    if len(found) != 1:
        kinds = " and ".join(found) if found else "nothing"
        field.fail(f"expected exactly one of pfs, cross, union, join, group and cron, found {kinds}")
    (kind,) = found
    section = found[kind]
    if kind == "pfs":
        return _read_pfs(section, for_service, within)
    if for_service and kind != "cross":
        section.fail("a service sees its inputs whole, all at once; only pfs and cross are for services")
    if kind == "cron":
        return _read_cron(section, pipeline)
    items = section.items("a list of inputs")
    if not items:
        section.fail(f"empty; a {kind} has at least one input")
    members = tuple(_read_input(item, pipeline, for_service, within | {kind}) for item in items)
    if kind in _KEYS:
        for item, member in zip(items, members, strict=True):
            if not any(getattr(leaf, _KEYS[kind]) for leaf in leaves(member)):
                item.fail(
                    f'{_KEYS[kind]} is missing: what must be equal, such as "$1", the first capture of the glob'
                )
    return _BRANCHINGS[kind](members=members)


def _read_pfs(field: Field, for_service: bool, within: frozenset[str]) -> PfsInput:
    found = field.table(PFS)
    if "repo_type" in found and found["repo_type"].text() not in ("", "user"):
        found["repo_type"].fail("only repos of the type user exist here")
    if "repo" not in found:
        field.fail("repo is missing")
    repo = found["repo"].name(store.names.repo)
    if "glob" not in found and not for_service:
        field.fail('glob is missing; "/" makes the whole repo one datum, "/*" each name at its top')
    glob = _read_glob(found["glob"]) if "glob" in found else compile_glob("/")
    pinned = [found[name] for name in ("commit", "follow") if name in found]
    if pinned and not for_service:
        pinned[0].fail("only services pin or follow; a pipeline takes every commit of its branch")
    branch = found["branch"].name(store.names.branch) if "branch" in found else "master"
    commit = None
    if "commit" in found:
        if "branch" not in found:
            branch, commit = read_commit(found["commit"])
        else:
            commit = read_commit(found["commit"])[1]
    follow = found["follow"].flag() if "follow" in found else False
    if commit is not None and follow:
        found["follow"].fail("commit pins this input and follow moves it; remove one of them")
    join_on, group_by = (
        _read_key(found[name], glob, kind, within) if name in found else "" for kind, name in _KEYS.items()
    )
    outer = found["outer_join"].flag() if "outer_join" in found else False
    if outer and not join_on:
        found["outer_join"].fail("there is no join_on here, and so nothing to join")
    if for_service and "propagation_spec" in found:
        found["propagation_spec"].fail("a service has no jobs; follow says whether it is started again")
    trigger = _read_trigger(found["trigger"], branch, for_service) if "trigger" in found else None
    return PfsInput(
        name=read_input_name(found["name"]) if "name" in found else _as_input(repo, found["repo"]),
        repo=repo,
        branch=branch,
        glob=glob.text,
        join_on=join_on,
        outer_join=outer,
        group_by=group_by,
        reference=found["reference"].flag() if "reference" in found else False,
        trigger=trigger,
        propagation_spec=_read_propagation(found["propagation_spec"]) if "propagation_spec" in found else "",
        commit=commit,
        follow=follow,
    )


def _read_trigger(field: Field, branch: str, for_service: bool) -> Trigger:
    if for_service:
        field.fail("a service follows a branch itself; write follow: true")
    found = field.table(TRIGGER)
    size = found.get("size")
    source = found["branch"].name(store.names.branch) if "branch" in found else branch
    number = "" if size is None else str(size.node.value) if type(size.node.value) is int else size.text()
    commits = found["commits"].whole(0, 1 << 62) or None if "commits" in found else None
    every = found["all"].flag() if "all" in found else False
    schedules = {name: found[name].text() for name in ("rate_limit_spec", "cron_spec") if name in found}
    try:
        return make_trigger(source, size=number, commits=commits, all=every, **schedules)
    except SpecError as error:
        field.fail(str(error))


def _read_propagation(field: Field) -> Literal["", "never"]:
    """`never`, or as Pachyderm writes it, `{never: true}`."""
    if isinstance(field.node.value, dict):
        found = field.table(PROPAGATION)
        return "never" if "never" in found and found["never"].flag() else ""
    return "never" if field.text() == "never" else field.fail('expected "never" or {never: true}')


def _read_cron(field: Field, pipeline: str) -> CronInput:
    found = field.table(CRON)
    for name, what in (("name", "the directory under /pfs"), ("spec", 'a schedule such as "@daily"')):
        if name not in found:
            field.fail(f"{name} is missing: {what}")
    name, schedule = read_input_name(found["name"]), found["spec"].text()
    try:
        compile_schedule(schedule)
    except SpecError as error:
        found["spec"].fail(str(error))
    start = found["start"].text() if "start" in found else None
    if start is not None and find_time(start) is None:
        found["start"].fail(f'{shown(start)} is no time; expected one such as "2016-07-01T00:00:00Z"')
    repo, part = (found["repo"], None) if "repo" in found else (found["name"], f"{pipeline}_{name}")
    return CronInput(
        name=name,
        repo=repo.name(store.names.repo, part),
        schedule=schedule,
        start=start,
        overwrite=found["overwrite"].flag() if "overwrite" in found else False,
    )


def _read_glob(field: Field) -> Glob:
    text = field.text()
    if not text:
        field.fail('empty; "/" makes the whole repo one datum')
    try:
        return compile_glob(text)
    except SpecError as error:
        field.fail(str(error))


def _read_key(field: Field, glob: Glob, kind: str, within: frozenset[str]) -> str:
    text = field.text()
    if text and kind not in within:
        field.fail(f"this input is in no {kind}")
    try:
        return compile_template(text, glob.groups).text
    except SpecError as error:
        field.fail(str(error))


def read_input_name(field: Field) -> str:
    """The name of a directory under `/pfs`."""
    return _as_input(field.name(store.names.repo), field)


def _as_input(name: str, field: Field) -> str:
    return name if name not in _RESERVED else field.fail(f"/pfs/{name} is taken; give the input another name")


def read_commit(field: Field) -> tuple[str, str]:
    """The branch a commit is on (master when it does not say) and the ref expression that finds it.

    `master/30` is how Pachyderm 1.3 numbered commits, from 0; it is `master.31` here.
    """
    text = field.text()
    if not text or any(mark in text for mark in ":\0\n"):
        field.fail(
            f'{shown(text)} is not a commit; expected "master.31", an id, or another expression for one'
        )
    if match := _OLD_COMMIT.fullmatch(text):
        branch = field.name(store.names.branch, match["branch"])
        return branch, f"{branch}.{int(match['number']) + 1}"
    return "master", text


def check_unique(found: tuple[Leaf, ...], field: Field) -> None:
    """Refuse two inputs that would be the same directory under `/pfs`."""
    seen: set[str] = set()
    for leaf in found:
        if leaf.name in seen:
            field.fail(f"two inputs are called {leaf.name!r}; give one another name")
        seen.add(leaf.name)


def _check_names(node: Input, field: Field, *, may_share: bool) -> None:
    """As `check_unique`, but that members of a union may share names, where no group brings them together."""
    if isinstance(node, Leaf):
        return
    if isinstance(node, UnionInput) and may_share:
        for member in node.members:
            _check_names(member, field, may_share=True)
        return
    named: dict[str, Input] = {}
    for member in node.members:
        for name in {leaf.name for leaf in leaves(member)}:
            if name in named:
                field.fail(f"two inputs are called {name!r}; give one another name")
            named[name] = member
        _check_names(member, field, may_share=may_share and not isinstance(node, GroupInput))
