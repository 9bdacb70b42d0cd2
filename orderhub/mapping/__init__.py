"""The mapping language: YAML files that say how a source message becomes a canonical document, or how such a document
becomes a payload (:mod:`.writing`).

parse (:mod:`.parse`, :mod:`.expressions`) → check and compile (:mod:`.compile`, :mod:`.bind`, :mod:`.checks`) → run
(:mod:`.run`, :mod:`.plan`). The reference for authors is docs/reference/mapping-language.md.
"""

from __future__ import annotations

from orderhub.mapping import forms
from orderhub.mapping.commands import check_mapping, test_mapping
from orderhub.mapping.compile import compile_mapping
from orderhub.mapping.language import MappingFile
from orderhub.mapping.lookups import FolderLookups, Lookups, LookupTableError, MemoryLookups
from orderhub.mapping.parse import load_mapping
from orderhub.mapping.problems import MappingRefused
from orderhub.mapping.registry import MappingRegistry, MappingUnknown
from orderhub.mapping.run import CompiledMapping, Translated

__all__ = [
    "CompiledMapping",
    "FolderLookups",
    "LookupTableError",
    "Lookups",
    "MappingFile",
    "MappingRefused",
    "MappingRegistry",
    "MappingUnknown",
    "MemoryLookups",
    "Translated",
    "check_mapping",
    "compile_mapping",
    "forms",
    "load_mapping",
    "test_mapping",
]
