"""Formats: bytes to trees with positions, and back. Each format is one module or package; none knows a mapping."""

from __future__ import annotations
