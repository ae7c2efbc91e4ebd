"""Directories and files of the host on their way in: on all cores, in bounded memory, never torn without a word."""

from store.ingest.gathering import gather
from store.ingest.joining import Skipped
from store.ingest.load import Loader
from store.ingest.memory import Memory
from store.ingest.single import load_file
from store.ingest.steps import Tell

__all__ = ["Loader", "Memory", "Skipped", "Tell", "gather", "load_file"]
