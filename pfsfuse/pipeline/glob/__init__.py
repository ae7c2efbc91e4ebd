"""Which paths of a commit a glob stands for.

`grammar` reads the text, `machine` reads paths, `walk` finds the matches in a commit by looking only where they can be.
Groups and captures will be further pieces of the grammar: the machine decides whether a path matches, and only the
paths that do need their captures found.
"""

from __future__ import annotations

from pfsfuse.pipeline.glob.pattern import Glob, compile_glob
from pfsfuse.pipeline.glob.walk import iter_matches

__all__ = ["Glob", "compile_glob", "iter_matches"]
