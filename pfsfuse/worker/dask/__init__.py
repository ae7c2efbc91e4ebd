"""Datums on other hosts, through Dask: `executor` gives them away, `remote` is what runs there."""
