"""A reader who knows only `import store; help(store)` can write a program."""

from __future__ import annotations

import ast
import inspect
import textwrap
from pathlib import Path
from types import ModuleType

import store

HERE = Path(store.__file__)


def test_the_list_is_exactly_the_public_names():
    submodules = {path.stem for path in HERE.parent.iterdir()}
    public = {
        name
        for name, value in vars(store).items()
        if not name.startswith("_") and not (isinstance(value, ModuleType) and name in submodules - {"names"})
    }
    assert set(store.__all__) == public
    assert store.__all__ == sorted(store.__all__)


def test_the_front_door_does_nothing_but_hand_things_on():
    body = ast.parse(HERE.read_text()).body
    assert all(isinstance(one, ast.Expr | ast.ImportFrom | ast.Assign) for one in body)


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
