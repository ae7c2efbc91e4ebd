"""One function for each numbered invariant of objects, trees and files; those of the small records are in `checks.py`.

Nodes and lists are checked one by one, each against the nodes or lists right below it: what holds for each of them
holds for the directory or file. So a node that a thousand commits share is checked once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from store import contents, names
from store.engine import Reading
from store.engine.marks import Marks
from store.engine.txn import OBJECTS
from store.errors import BadName
from store.format import node, segment
from store.format.chunklist import ChunkList, Piece
from store.format.node import Child, Inner, Leaf, Node
from store.format.segment import Place
from store.fsck.records import Finding
from store.ids import ObjectId
from store.records import EMPTY_DIRECTORY, Entry
from store.tree.split import ends_after

Findings = Iterator[Finding]
FindNode = Callable[[ObjectId], Node | None]
"""The node; None when it cannot be read, which is reported where it is met."""
Outline = tuple[int, Child, bool]
"""A node's level, what the node above should say of it, and whether it could be a root."""
FindOutline = Callable[[ObjectId], Outline | None]
FindList = Callable[[ObjectId], ChunkList | None]


def bytes_match_id(name: ObjectId, plain: bytes | memoryview, number: int) -> Findings:
    if ObjectId.of(plain) != name:
        yield Finding("I2", f"object {name}", f"segment {number} holds other bytes", subject=name)


def place_points_at_a_row(reading: Reading, marks: Marks, placed: int) -> Findings:
    """`placed` is the bit of the objects for which a row was found where their place points."""
    for name in marks.iter_without(placed):
        value = reading.get_raw(OBJECTS, name)
        place = (
            segment.decode_place(value) if value is not None and len(value) == segment.PLACE.size else None
        )
        where = f"segment {place.segment} does not hold it there" if place else "its place cannot be read"
        yield Finding("I3", f"object {name}", where, subject=name)


def rows_add_up_to_payload(number: int, record: memoryview, *, read_data: bool) -> Findings:
    """Raises Corrupt when the rows, or the payload, cannot be read."""
    listed = sum(length for _, length in segment.rows(record))
    found = len(segment.decode(record)) if read_data else segment.plain_size(record)
    if listed != found:
        yield Finding("I4", f"segment {number}", "its rows do not add up to its payload")


def chunk_has_the_size_its_list_says(reading: Reading, name: ObjectId, size: int) -> str:
    """What is wrong, or nothing; a chunk that is missing is reported where it is met."""
    value = reading.get_raw(OBJECTS, name)
    place: Place | None = segment.decode_place(value) if value is not None else None
    return f"chunk {name} does not have {size} bytes" if place is not None and place.length != size else ""


def chunks_have_the_sizes_their_list_says(reading: Reading, name: ObjectId, found: ChunkList) -> Findings:
    for piece in found.items if found.level == 1 else ():
        if why := chunk_has_the_size_its_list_says(reading, ObjectId(piece.id), piece.size):
            yield Finding("I5", f"chunk list {name}", why, subject=name)


def list_is_what_the_chunks_make(name: ObjectId, found: ChunkList, find: FindList) -> Findings:
    """All but where the lists below end, which `lists_below_end_where_they_should` knows."""
    for count, piece in enumerate(found.items[:-1], 1):
        if contents.ends_after(piece.id, count):
            yield Finding("I6", f"chunk list {name}", f"it should end after {count} items", subject=name)
            break
    for piece in found.items if found.level > 1 else ():
        below = find(ObjectId(piece.id))
        if below is not None and (below.level, below.ends[-1]) != (found.level - 1, piece.size):
            yield Finding(
                "I6", f"chunk list {name}", f"list {piece.id.hex()} is not what it says", subject=name
            )


def file_is_what_its_chunks_make(reading: Reading, entry: Entry, find: FindList) -> Iterator[tuple[str, str]]:
    """Invariant, and what is wrong with the file's own entry."""
    if entry.content is None:
        if (entry.size, entry.height) != (0, 0):
            yield "I6", "it has a size and no contents"
    elif entry.height == 0:
        if why := chunk_has_the_size_its_list_says(reading, ObjectId(entry.content), entry.size):
            yield "I5", why
    elif (root := find(ObjectId(entry.content))) is not None and (
        (root.level, root.ends[-1]) != (entry.height, entry.size) or len(root.items) < 2
    ):
        yield "I6", "its lists or size are not what its chunks make"


def names_are_in_order_each_once(name: ObjectId, found: Node, find: FindNode) -> Findings:
    last = b""
    for item in found.items:
        first = item.name if isinstance(item, Entry) else _first_name(ObjectId(item.id), find)
        if first is not None and first <= last:
            yield Finding("I7", f"node {name}", "its names are not in order, each once", subject=name)
            break
        last = item.name if isinstance(item, Entry) else item.last
    for item in found.items if isinstance(found, Leaf) else ():
        try:
            names.file(item.name)
        except BadName as error:
            yield Finding("I7", f"node {name}", str(error), subject=name, name=item.name)


def outline(name: ObjectId, found: Node) -> Outline:
    """What others may say about the node."""
    whole = isinstance(found, Leaf) or len(found.items) > 1
    return found.level, node.summary(found.level, found.items, name), whole


def node_is_what_the_entries_make(name: ObjectId, found: Node, find: FindOutline) -> Findings:
    """All but where the nodes below end, which the walk knows when it has been there."""
    for count, name_ in enumerate(_keys(found)[:-1], 1):
        if ends_after(name_, found.level, count):
            yield Finding("I8", f"node {name}", f"it should end after {count} items", subject=name)
            break
    for item in found.items if isinstance(found, Inner) else ():
        below = find(ObjectId(item.id))
        if below is not None and below[:2] != (found.level - 1, item):
            yield Finding("I8", f"node {name}", f"node {item.id.hex()} is not what it says", subject=name)


def directory_is_what_its_entries_make(entry: Entry, find: FindOutline) -> Iterator[tuple[str, str]]:
    """Invariant, and what is wrong with the directory's own entry."""
    why = "its nodes or totals are not what its entries make"
    said = (entry.height, entry.files, entry.size, entry.digest)
    if entry.content is None:
        if said != (0, 0, 0, EMPTY_DIRECTORY):
            yield "I8", why
    elif (root := find(ObjectId(entry.content))) is not None:
        level, made, whole = root
        if said != (level, made.files, made.size, made.digest) or not whole:
            yield "I8", why


def entry_is_well_formed(entry: Entry) -> Iterator[tuple[str, str]]:
    """Invariant, and what is wrong with the entry."""
    if entry.is_symlink and (entry.target is None or entry.size != len(entry.target)):
        yield "I9", "it is not a whole symlink"
    elif not (entry.is_dir or entry.is_file or entry.is_symlink):
        yield "I9", "it is neither a file nor a directory nor a symlink"
    if not entry.is_dir and entry.files != 1:
        yield "I9", f"it counts as {entry.files} files"


def below_end_where_they_should(
    name: ObjectId, found: Node | ChunkList, ends: Callable[[ObjectId], bool]
) -> Findings:
    """I6 or I8: only the last of a level may end before its boundary. `ends` says it of what lies below."""
    if isinstance(found, Leaf) or (isinstance(found, ChunkList) and found.level == 1):
        return
    items: Sequence[Child | Piece] = found.items
    for item in items[:-1]:
        if not ends(ObjectId(item.id)):
            what, invariant = ("chunk list", "I6") if isinstance(found, ChunkList) else ("node", "I8")
            yield Finding(invariant, f"{what} {name}", f"{item.id.hex()} ends too early", subject=name)
            return


def ends_at_a_boundary(found: Node | ChunkList, ends: Callable[[ObjectId], bool]) -> bool:
    """Whether the last item ends a node or list on every level."""
    if isinstance(found, ChunkList):
        piece = found.items[-1]
        whole = contents.ends_after(piece.id, len(found.items))
        return whole and (found.level == 1 or ends(ObjectId(piece.id)))
    whole = ends_after(_keys(found)[-1], found.level, len(found.items))
    return whole and (isinstance(found, Leaf) or ends(ObjectId(found.items[-1].id)))


def _keys(found: Node) -> list[bytes]:
    """What the node's items are sorted by."""
    return (
        [item.name for item in found.items]
        if isinstance(found, Leaf)
        else [item.last for item in found.items]
    )


def _first_name(name: ObjectId, find: FindNode) -> bytes | None:
    while (found := find(name)) is not None:
        if isinstance(found, Leaf):
            return found.items[0].name
        name = ObjectId(found.items[0].id)
    return None
