"""The map is true: its program runs, its layers are all there are, and what it points to exists."""

from __future__ import annotations

import ast
import doctest
import re
from pathlib import Path

import store

HOME = Path(store.__file__).parent
TEXT = (HOME / "README.md").read_text()


def test_the_programs_of_the_api_page_run_as_shown(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    program = "\n".join(re.findall(r"```python\n(>>>.+?)```", (HOME / "API.md").read_text(), re.DOTALL))
    example = doctest.DocTestParser().get_doctest(program, {}, "API.md", "API.md", 0)
    result = doctest.DocTestRunner(optionflags=doctest.IGNORE_EXCEPTION_DETAIL).run(example)
    assert result.failed == 0 and result.attempted > 30


def test_the_layers_name_every_module_once():
    (drawing,) = re.findall(r"```\n(testing .+?)```", TEXT, re.DOTALL)
    named = [word for line in drawing.splitlines() for word in re.split(r" \| | {2,}|(?<=chunker) ", line)]
    modules = {
        path.stem for path in HOME.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()
    }
    assert sorted(word for word in named if word in modules) == sorted(modules - {"__init__"})


def test_what_it_points_to_exists():
    for name in re.findall(r"`([a-z/]+\.py)`|\(([a-z/]+\.md)\)", TEXT):
        assert (HOME / (name[0] or name[1])).is_file(), name


def test_the_errors_and_names_it_mentions_are_real():
    classes: dict[str, list[ast.ClassDef]] = {}
    for path in HOME.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef):
                classes.setdefault(node.name, []).append(node)

    def has(owner: str, member: str) -> bool:
        found = classes.get(owner, [])
        bases = {base.id for each in found for base in each.bases if isinstance(base, ast.Name)}
        names = {part.name for each in found for part in each.body if isinstance(part, ast.FunctionDef)}
        return member in names or any(has(base, member) for base in bases)

    for owner, member in re.findall(r"`([A-Z][A-Za-z]+)\.([a-z_]+)`", TEXT):
        assert has(owner, member), f"{owner}.{member}"
