"""The section "Pipelines and services" of `pfs --help`."""
