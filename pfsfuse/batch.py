"""For programs that compute many datums one after another (`transform.datum_batching`): asking for the next one.

    from pfsfuse.batch import each

    model = load_model()                      # once

    def compute(env):                         # for each datum; /pfs shows it, env has its variables
        predict(model, env["images"], "/pfs/out/labels")

    each(compute)

The same from a shell, with `pfs datum next`, is `while pfs datum next; do . /pfs/.env; …; done`.

What is said is one line of JSON to the socket /pfs/.next, `{"error": null}` or why the last datum failed, and one line
back: `{"env": {…}}` once the next datum is there, `{"env": null}` when there is none.
"""

from __future__ import annotations

import json
import socket
import sys
import traceback
from collections.abc import Callable, Mapping

from pfsfuse.errors import JobError

ADDRESS = "/pfs/.next"
LINE_LIMIT = 1 << 20
Environment = Mapping[str, str]


def next_datum(error: str | None = None, *, address: str = ADDRESS) -> Environment | None:
    """End the datum that is there, as failed when there is an `error`; the variables of the next one, once /pfs shows
    it, or None when there is no more to do. Raises JobError where nobody hands out datums."""
    sys.stdout.flush()  # into the log of the datum that it is about
    try:
        with socket.socket(socket.AF_UNIX) as stream:
            stream.connect(address)
            stream.sendall(json.dumps({"error": error}).encode() + b"\n")
            with stream.makefile("rb") as lines:
                said = json.loads(lines.readline() or b'{"env": null}')
    except OSError as problem:
        raise JobError(
            f"no datum can be asked for here: {problem}",
            hint="set transform.datum_batching in the specification",
        ) from None
    env: Environment | None = said["env"]
    return env


def each(compute: Callable[[Environment], object]) -> None:
    """Call `compute` for every datum. An exception fails the datum, is printed to its log, and is no end."""
    error = None
    while (env := next_datum(error)) is not None:
        error = None
        try:
            compute(env)
        except Exception as problem:  # noqa: BLE001  whatever it is, it is this datum's
            traceback.print_exc()
            error = f"{type(problem).__name__}: {problem}"[: LINE_LIMIT // 8]
