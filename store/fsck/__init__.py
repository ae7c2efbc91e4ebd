"""Is the store sound? Every invariant of the format pages, and whom damage affects.

`checks.py` and `objects.py` have a function for each numbered invariant, `check.py` and `walk.py` bring them the
records of a store, each once, and `locate.py` turns damaged objects into the paths that need them.
"""

from store.fsck.check import check
from store.fsck.records import Affected, Problem, Progress, Report

__all__ = ["Affected", "Problem", "Progress", "Report", "check"]
