"""What the page of the file system shows is what happens."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

from pfsfuse import filesystem
from pfsfuse.filesystem import PfsFileSystem

PAGE = (Path(filesystem.__file__).parent / "README.md").read_text()


def test_the_program_on_the_page_runs_as_shown(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (program,) = re.findall(r"```python\n(>>>.+?)```", PAGE, re.DOTALL)
    example = doctest.DocTestParser().get_doctest(program, {}, "README.md", "README.md", 0)
    flags = doctest.ELLIPSIS
    assert doctest.DocTestRunner(optionflags=flags).run(example).failed == 0
    PfsFileSystem.clear_instance_cache()
