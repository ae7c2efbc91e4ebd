"""The section "History" of `pfs --help`: commits, what differs between them, and the names they have."""
