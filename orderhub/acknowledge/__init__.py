"""Acknowledge: the technical outcome of every interchange, once, and the answer that its sender gets."""

from orderhub.acknowledge.stage import acknowledge, make_answer

__all__ = ["acknowledge", "make_answer"]
