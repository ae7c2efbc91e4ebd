"""A file's bytes as a list of chunks: writing one from a stream, and turning a read into extents."""

from store.contents.lists import ListWriter, ends_after
from store.contents.plan import plan_read
from store.contents.splice import Range, splice

__all__ = ["ListWriter", "Range", "ends_after", "plan_read", "splice"]
