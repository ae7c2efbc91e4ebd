"""Which paths of a commit a glob stands for.

`grammar` reads the text, `machine` reads paths, `walk` finds the matches in a commit by looking only where they can be.
The machine decides whether a path matches, and only in the paths that do are captures looked for, quickly by `plain`
where the glob is, which `template` fills into `join_on` and `group_by`.
"""

from __future__ import annotations

from pfsfuse.pipeline.glob.pattern import Glob, compile_glob
from pfsfuse.pipeline.glob.template import Template, compile_template
from pfsfuse.pipeline.glob.walk import iter_matches

__all__ = ["Glob", "Template", "compile_glob", "compile_template", "iter_matches"]
