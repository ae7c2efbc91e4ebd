"""A file's bytes as a list of chunks: writing one from a stream, and turning a read into extents."""

from store.contents.lists import ListWriter, ends_after
from store.contents.plan import plan_read
from store.contents.splice import Range, splice
from store.contents.zeros import iter_data

__all__ = ["ListWriter", "Range", "ends_after", "iter_data", "plan_read", "splice"]
