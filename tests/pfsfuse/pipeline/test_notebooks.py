"""Notebooks as transforms: what becomes of them when a specification is read."""

from __future__ import annotations

import json

import pytest

from pfsfuse.errors import SpecError
from pfsfuse.pipeline import Spec, parse_specs, spec_json, transform_key

SPEC = """
pipeline: {name: sales}
transform: {notebook: "deep/analysis.ipynb", env: {RATE: "5"}}
input: {pfs: {repo: trips, glob: /}}
"""


def notebook(code: str, *, output: str = "", count: int | None = None) -> str:
    outputs = [{"output_type": "stream", "name": "stdout", "text": output}] if output else []
    cell = {
        "cell_type": "code",
        "source": code,
        "metadata": {},
        "outputs": outputs,
        "execution_count": count,
    }
    text = {"cell_type": "markdown", "source": "# July", "metadata": {}}
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [text, cell]})


def parse(content: str) -> Spec:
    (spec,) = parse_specs(SPEC, source="spec", file={"deep/analysis.ipynb": content}.__getitem__)
    return spec


def test_the_notebook_is_what_its_program_reads_and_comes_back_with_the_specification():
    spec = parse(notebook("x = 1"))
    assert spec.transform.cmd[0] == "python" and spec.transform.cmd[3:] == ("analysis", "RATE")
    assert json.loads(spec.transform.stdin[0])["cells"][1]["source"] == "x = 1"
    (again,) = parse_specs(json.dumps(spec_json(spec)), source="kept")
    assert again == spec


def test_another_notebook_is_another_transform_and_one_that_was_run_is_the_same():
    key = transform_key(parse(notebook("x = 1")))
    assert transform_key(parse(notebook("x = 1", output="1", count=7))) == key
    assert transform_key(parse(notebook("x = 2"))) != key


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"cells": 1}', '{"cells": [1]}', "\0"])
def test_what_is_no_notebook_is_refused_by_its_name(content):
    with pytest.raises(SpecError, match=r"deep/analysis\.ipynb is not a notebook"):
        parse(content)


def test_a_notebook_that_is_missing_or_too_large_is_refused_by_its_name():
    def missing(name: str) -> str:
        raise FileNotFoundError(2, "No such file or directory", name)

    with pytest.raises(SpecError, match=r"^spec:3:23: transform.notebook: deep/analysis.ipynb: No such file"):
        parse_specs(SPEC, source="spec", file=missing)
    with pytest.raises(SpecError, match="characters without outputs"):
        parse(notebook("x" * (513 << 10)))
