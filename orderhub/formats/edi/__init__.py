"""What EDIFACT and X12 share: bytes cut into segments, segments checked against a grammar, trees, paths into them.

A standard brings its service segments (``tags``), its separators, its tables, how its values are written and how its
authors write paths; everything else is here.
"""

from __future__ import annotations
