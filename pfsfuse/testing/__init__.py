"""For tests, ours and yours: a mounted store, and what POSIX expects of a directory."""
