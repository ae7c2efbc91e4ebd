"""The section "The store" of `pfs --help`: whether it is sound, copies of it, freeing its space, measuring it."""
