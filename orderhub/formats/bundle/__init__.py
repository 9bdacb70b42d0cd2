"""Several files that belong together as one interchange: a ZIP of them, made the same way every time, read with care.

A partner may send the ZIP, or a connector gathers the members and packs them (:func:`pack`): the same members give the
same bytes, so that a duplicate is known by its hash. A member is known by its name; a name is never used as a path.
"""

from __future__ import annotations

from orderhub.formats.bundle.members import (
    MAX_MEMBER_BYTES,
    MAX_MEMBERS,
    MAX_TOTAL_BYTES,
    Bundle,
    BundleProblem,
    is_bundle,
    is_whole,
    open_bundle,
)
from orderhub.formats.bundle.pack import pack, pack_folder

__all__ = [
    "MAX_MEMBERS",
    "MAX_MEMBER_BYTES",
    "MAX_TOTAL_BYTES",
    "Bundle",
    "BundleProblem",
    "is_bundle",
    "is_whole",
    "open_bundle",
    "pack",
    "pack_folder",
]
