"""Two stores, and bundles between them."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import store

Pack = Callable[..., bytes]
Unpack = Callable[..., store.ImportPlan]


@pytest.fixture
def there(tmp_path: Path) -> Iterator[store.Store]:
    """The store that receives."""
    with store.create(tmp_path / "there") as opened:
        yield opened


@pytest.fixture
def pack(data: store.Store) -> Pack:
    """Give a bundle of `data`."""

    def make(*refs: str, since: tuple[str, ...] = ()) -> bytes:
        out = io.BytesIO()
        data.write_bundle(out, refs, since=since)
        return out.getvalue()

    return make


@pytest.fixture
def unpack(there: store.Store) -> Unpack:
    """Import a bundle into `there`."""

    def take(raw: bytes, **options: object) -> store.ImportPlan:
        return there.import_bundle(io.BytesIO(raw), **options)  # type: ignore[arg-type]

    return take
