"""Load: every accepted document into every target, once in effect."""

from orderhub.load.stage import load

__all__ = ["load"]
