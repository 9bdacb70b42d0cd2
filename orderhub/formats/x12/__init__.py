"""ANSI ASC X12: reading, checking against the releases' tables, writing."""

from __future__ import annotations
