"""The mount, the pipelines and the command line; README.md is the map."""
