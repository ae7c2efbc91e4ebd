"""Getting data out of a store."""

from store.transfer.directory import export

__all__ = ["export"]
