"""Data into a store and out of it: directories of the host, archives, and bundles for other stores."""

from store.transfer.archive import LeftOut, put_tar, write_tar
from store.transfer.bundle import (
    BundlePlan,
    ImportPlan,
    Move,
    bundle_header,
    choose,
    had,
    import_bundle,
    plan_bundle,
    verify_bundle,
    write_bundle,
)
from store.transfer.bundle.writing import Progress as BundleProgress
from store.transfer.directory import export

__all__ = [
    "BundlePlan",
    "BundleProgress",
    "ImportPlan",
    "LeftOut",
    "Move",
    "bundle_header",
    "choose",
    "export",
    "had",
    "import_bundle",
    "plan_bundle",
    "put_tar",
    "verify_bundle",
    "write_bundle",
    "write_tar",
]
