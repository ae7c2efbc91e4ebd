"""A notebook as a transform: `transform.notebook: analysis.ipynb`.

The notebook becomes the command's standard input, without its outputs, and the command is a Python that has papermill
run it. So a specification holds its notebook: the content is part of what a datum's result depends on, every
version of a pipeline keeps the one it ran, and running it by hand, which changes outputs only, computes nothing again.

Its parameters are what a command finds in its environment: the path of each input under the input's name, those of
`transform.env`, and `PFS_JOB_ID`, `PFS_DATUM_ID`, `PFS_PIPELINE`. A cell tagged `parameters` gives the defaults. What
was run is kept beside what it wrote, as `/pfs/out/NAME-<datum>.ipynb`.
"""

from __future__ import annotations

import json
from pathlib import PurePath
from typing import Any

from pfsfuse.pipeline.fields import Field

LARGEST = 256 << 10
"""Characters of a notebook without its outputs: quoted once more it still fits into a specification."""

RUN = """\
import os, sys, papermill
own = [*sys.argv[2:], 'PFS_JOB_ID', 'PFS_DATUM_ID', 'PFS_PIPELINE', *os.listdir('/pfs')]
given = {name.replace('-', '_'): os.environ[name] for name in own if name in os.environ}
kept = '/pfs/out/%s-%s.ipynb' % (sys.argv[1], os.environ['PFS_DATUM_ID'][:8])
papermill.execute_notebook('-', kept, given, progress_bar=False, log_output=True)
"""
"""What Python runs: the name of the notebook, then the names in `transform.env`."""


def read_notebook(field: Field, env: dict[str, str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The command and its standard input, for the notebook whose file `field` names."""
    name = field.argument()
    if field.reading.file is None:
        field.fail("a notebook can only be read beside a file; `pfs pipeline create -f FILE`")
    try:
        notebook = json.loads(field.reading.file(name))
        cells = notebook["cells"]
        source = json.dumps({**notebook, "cells": [_without_outputs(cell) for cell in cells]}, sort_keys=True)
    except OSError as error:
        field.fail(f"{name}: {error.strerror}")
    except (ValueError, TypeError, KeyError, AttributeError):
        field.fail(f"{name} is not a notebook that can be read; expected one of version 4")
    if len(source) > LARGEST:
        field.fail(f"{name}: {len(source)} characters without outputs, where {LARGEST} are possible")
    return ("python", "-c", RUN, PurePath(name).stem, *sorted(env)), (source,)


def _without_outputs(cell: dict[str, Any]) -> dict[str, Any]:
    if cell.get("cell_type") != "code":
        return cell
    return {**cell, "outputs": [], "execution_count": None}
