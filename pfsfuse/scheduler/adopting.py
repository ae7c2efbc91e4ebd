"""Results of an earlier transform that stand for those of the one there is now (`--keep-results`).

A datum's pin is named by the transform, so what stands is pinned once more under the new name, when a job meets the
datum; jobs that go on from that one find it there. The first job after such an update therefore meets every datum, and
does not go on from the one before: the new name is where the lists and logs of datums look, and an update that returns
to this transform later, which has nothing that stands.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

from pfsfuse.pipeline import Datum, make_datum
from pfsfuse.worker.api import datum_pin
from store import Entry, Pin, Store

BATCH = 4096
"""Results kept in one transaction."""


class Adopting:
    """Lets results of the transforms with some keys (hex, the first that has one counts) be those of datums that have
    none. To be used in a `with` block, after which what was found is kept; to do so again is harmless."""

    def __init__(self, store: Store, keys: Sequence[str]) -> None:
        self._store, self._keys = store, [bytes.fromhex(key) for key in keys]
        self._found: dict[bytes, tuple[Entry, bytes]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        if not any(exception):
            self._keep()

    def find(self, datum: Datum) -> Pin | None:
        """The result of an earlier transform on the same inputs, which is kept for `datum` soon; None without one."""
        for key in self._keys:
            pin = self._store.pins.get(datum_pin(make_datum(key, datum.inputs).id))
            if pin is not None:
                self._found[datum_pin(datum.id)] = pin.tree, pin.note
                if len(self._found) >= BATCH:
                    self._keep()
                return pin
        return None

    def _keep(self) -> None:
        if self._found:
            self._store.pins.put_missing(self._found)
            self._found = {}
