"""Where a command runs: in a process with a private mount namespace and its own /pfs; README.md is the map."""
