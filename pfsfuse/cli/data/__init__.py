"""The section "Repos and their data" of `pfs --help`: putting data into repos, and getting it out."""
