"""Is the store sound? Every invariant of the format pages, and whom damage affects.

`checks.py` and `objects.py` have a function for each numbered invariant, `check.py` and `walk.py` bring them the
records of a store, each once, and `locate.py` turns damaged objects into the paths that need them. `places.py` and
`lines.py` find what can be mended from the rest, and `repair.py` mends it.
"""

from store.fsck.check import check
from store.fsck.mend import Mend
from store.fsck.records import Affected, Problem, Progress, Report
from store.fsck.repair import RepairPlan, plan_repair, repair

__all__ = [
    "Affected",
    "Mend",
    "Problem",
    "Progress",
    "RepairPlan",
    "Report",
    "check",
    "plan_repair",
    "repair",
]
