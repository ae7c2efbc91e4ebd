"""The command line: one file per noun, and main.py, which alone prints errors and chooses exit codes.

Subcommands are imported when they run, so that `pfs --help` and completion start at once; in this package
(only) the project's own modules may be imported inside functions for that reason.
"""
