"""The section "The mount" of `pfs --help`."""
