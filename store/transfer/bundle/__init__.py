"""Bundles: chosen commits, and all they need, in one file that another store can import."""

from store.transfer.bundle.choosing import choose, had
from store.transfer.bundle.plan import BundlePlan
from store.transfer.bundle.reading import bundle_header, verify_bundle
from store.transfer.bundle.receiving import ImportPlan, Move, import_bundle
from store.transfer.bundle.writing import plan_bundle, write_bundle

__all__ = [
    "BundlePlan",
    "ImportPlan",
    "Move",
    "bundle_header",
    "choose",
    "had",
    "import_bundle",
    "plan_bundle",
    "verify_bundle",
    "write_bundle",
]
