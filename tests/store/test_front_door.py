"""A reader who knows only `import store; help(store)` can write a program."""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys
import textwrap
from importlib import import_module
from pathlib import Path

import pytest

import store

HERE = Path(store.__file__)


def imported(body: list[ast.stmt]) -> dict[str, str]:
    """The names that these statements import, and the modules they come from."""
    found = [one for one in body if isinstance(one, ast.ImportFrom) and one.module != "typing"]
    return {each.name: str(one.module) for one in found for each in one.names}


BODY = ast.parse(HERE.read_text()).body
LATER = next(imported(one.body) for one in BODY if isinstance(one, ast.If))
"""What is imported when it is asked for, as a type checker is told."""


def test_the_list_is_exactly_the_public_names():
    assert store.__all__ == sorted({*imported(BODY), *LATER})
    assert set(store.__all__) <= set(dir(store))


def test_the_front_door_does_nothing_but_hand_things_on():
    kinds = ast.Expr | ast.ImportFrom | ast.Assign | ast.If | ast.FunctionDef
    assert all(isinstance(one, kinds) for one in BODY)
    assert [one.name for one in BODY if isinstance(one, ast.FunctionDef)] == ["__getattr__", "__dir__"]


def test_what_is_imported_later_is_what_a_type_checker_is_told():
    assert {name: module for module, names in store._LATER.items() for name in names} == LATER
    for name, module in LATER.items():
        assert getattr(store, name) is getattr(import_module(module), name)
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        store.nothing  # noqa: B018
    submodules = {path.stem for path in HERE.parent.glob("*.py")} | {
        path.parent.name for path in HERE.parent.glob("*/__init__.py")
    }
    assert not LATER.keys() & submodules  # importing one of those would take its place


SELDOM = ("bundle", "copying", "fsck", "gc", "ingest", "salvaging", "stats", "transfer", "upgrade")
PROBE = f"""
import sys, store
with store.create(sys.argv[1]) as data:
    with data.create_repo("trips").edit() as edit:
        edit.write("a", b"1")
    with data["trips"]["master"].open("a") as file:
        file.read()
    [entry.name for entry in data["trips"]["master"].list()]
print(sorted({{name.split(".")[1] for name in sys.modules if name.startswith("store.")}} & set({SELDOM!r})))
print(sorted({{"difflib", "pyfastcdc", "sqlite3", "tarfile"}} & sys.modules.keys()))
"""


def test_who_reads_and_writes_files_imports_nothing_that_keeps_stores_in_order(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", PROBE, tmp_path / "data"], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n[]\n"


def test_everything_public_is_documented():
    for name in store.__all__:
        thing = getattr(store, name)
        assert inspect.getdoc(thing), name
        for below, value in vars(thing).items() if inspect.isclass(thing) else ():
            if (
                inspect.isfunction(value)
                and not below.startswith("_")
                and value.__module__.startswith("store")
            ):
                assert inspect.getdoc(value), f"{name}.{below}"


def test_the_program_in_its_docstring_runs(tmp_path, capsys):
    paragraphs = (store.__doc__ or "").split("\n\n")
    program = textwrap.dedent("\n\n".join(part for part in paragraphs if part.startswith("    ")))
    exec(compile(program.replace("/tmp/data", str(tmp_path / "data")), "help(store)", "exec"), {})
    assert capsys.readouterr().out == "b'date,trips\\n2016-07-01,39665\\n'\n"
