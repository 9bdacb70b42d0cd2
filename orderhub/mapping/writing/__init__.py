"""The mapping language in the other direction: a canonical document becomes a payload in a target's format.

parse (:mod:`.parse`) → check and compile (:mod:`.compile`, :mod:`.bind`, :mod:`.scope`) → run (:mod:`.run`,
:mod:`.plan`). The reference for authors is docs/reference/mapping-language.md, "Writing".
"""

from __future__ import annotations

from orderhub.mapping.writing.compile import compile_writing, try_compile_writing
from orderhub.mapping.writing.run import CompiledWriting, Written

__all__ = ["CompiledWriting", "Written", "compile_writing", "try_compile_writing"]
