"""Every byte that reaches the disk: one record per module, pure, each with its page beside it."""
