"""What a file's identity is a digest of: stored in every directory above it, so it never changes."""

from __future__ import annotations

import stat

import pytest
from blake3 import blake3

from store.ids import digest, digest_name
from store.records import Entry


def spelled_out(*parts: bytes) -> bytes:
    return blake3(b"".join(len(part).to_bytes(8, "big") + part for part in parts)).digest()


@pytest.mark.parametrize(("mode", "kind"), [(0o644, b"file"), (0o755, b"program"), (0o100, b"program")])
@pytest.mark.parametrize(
    ("content", "height"),
    [(bytes(range(32)), 0), (bytes(range(32)), 2), (b"short", 0), (bytes(33), 0), (None, 0)],
)
def test_a_files_identity_is_the_digest_of_its_kind_its_height_and_its_content(mode, kind, content, height):
    entry = Entry(b"name", stat.S_IFREG | mode, 1, 2, content, height)
    assert entry.identity() == spelled_out(kind, bytes([height]), content or b"")


@pytest.mark.parametrize(
    "parts",
    [(), (b"",), (b"a" * 256,), (b"a" * 257,), (b"a" * 70_000,), (b"a", b"b" * 300, b"")],
    ids=lambda parts: "-".join(str(len(part)) for part in parts),
)
def test_each_part_of_a_digest_comes_after_its_length(parts):
    assert digest(*parts) == spelled_out(*parts)


@pytest.mark.parametrize("size", [0, 1, 255, 256, 257, 70_000])
def test_the_digest_of_a_name_is_that_of_one_part(size):
    assert digest_name(b"n" * size) == digest(b"n" * size)
