"""The command line: a folder for each section of `pfs --help`, in it a file for each command, and main.py, which alone
prints errors and chooses exit codes. commands.py lists them all.

Subcommands are imported when they run, so that `pfs --help` and completion start at once; in this package
(only) the project's own modules may be imported inside functions for that reason.
"""
