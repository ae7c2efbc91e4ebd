"""What the pin of a datum's output says of how it was computed."""

from __future__ import annotations

import msgspec

from store import Pin


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """Kept with the output, in JSON."""

    pipeline: str
    job: str
    """Of the job that computed it, 32 hex digits."""
    seconds: float = 0.0
    exit_code: int | None = 0
    files: int = 0
    size: int = 0
    attempts: int = 1
    read_bytes: int = 0
    finished_ns: int = 0


def encode(note: Note) -> bytes:
    """The note's bytes."""
    return msgspec.json.encode(note)


def note_of(pin: Pin) -> Note | None:
    """What a pin's note says; None when it has none that can be read."""
    try:
        return msgspec.json.decode(pin.note, type=Note)
    except msgspec.MsgspecError:
        return None
