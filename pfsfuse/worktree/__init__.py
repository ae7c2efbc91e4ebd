"""What was written through a mount, until it is in the store; README.md is the map."""
