"""A notebook that a pipeline runs."""

from __future__ import annotations

import json

import pytest
import trio
from scheduling import files, put, run, settled, told

from pfsfuse.pipeline import parse_specs
from pfsfuse.scheduler import create_pipeline
from pfsfuse.scheduler.loop import Scheduler
from pfsfuse.worker.local import open_local_executor
from store import Store

pytestmark = [pytest.mark.usefixtures("fuse"), pytest.mark.slow]

CELLS = [
    {"source": "trips = None; RATE = 1", "metadata": {"tags": ["parameters"]}},
    {
        "source": "total = len(open(trips + '/7-01-16').read()) * int(RATE)\n"
        "print(total, file=open('/pfs/out/total', 'w'))\ntotal",
        "metadata": {},
    },
]


def test_a_notebook_gets_its_parameters_from_the_datum_and_is_kept_as_it_ran(store: Store) -> None:
    pytest.importorskip("papermill")
    notebook = {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {
            "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
            "language_info": {"name": "python"},
        },
        "cells": [
            {"cell_type": "code", "id": f"c{at}", "outputs": [], "execution_count": None, **cell}
            for at, cell in enumerate(CELLS)
        ],
    }
    document = {
        "pipeline": {"name": "sales"},
        "transform": {"notebook": "analysis.ipynb", "env": {"RATE": "5"}},
        "input": {"pfs": {"repo": "trips", "glob": "/"}},
    }
    (spec,) = parse_specs(json.dumps(document), source="test", file=lambda name: json.dumps(notebook))
    put(store, "trips", {"7-01-16": b"abc"})
    create_pipeline(store, spec)

    async def go() -> None:
        async with open_local_executor(store.path, 1) as executor, trio.open_nursery() as nursery:
            await nursery.start(Scheduler(store, executor, poll_seconds=0.05).run)
            await settled(store)
            nursery.cancel_scope.cancel()

    run(go)
    (job,) = told(store, "sales")
    assert job.state == "success", job.reason
    made = files(store.repo("sales").head())
    (kept,) = made.keys() - {"total"}
    assert made["total"] == b"15\n" and kept.startswith("analysis-") and kept.endswith(".ipynb")
    outputs = json.loads(made[kept])["cells"][-1]["outputs"]
    assert outputs[0]["data"]["text/plain"] == ["15"] or outputs[0]["data"]["text/plain"] == "15"
