"""Getting out of a damaged store what can still be read, into a new one.

`choose.py` decides which of the records that were found are to be kept, `trees.py` brings over the trees, `history.py`
joins commits whose ancestors are gone, and `rescue.py` does one after the other. What is found, and how, is in
`engine/wreck.py`.
"""

from store.salvaging.records import Loss, Salvaged
from store.salvaging.rescue import salvage

__all__ = ["Loss", "Salvaged", "salvage"]
