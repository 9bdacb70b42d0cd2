"""Acknowledge: the technical outcome of every interchange, once."""

from orderhub.acknowledge.stage import acknowledge

__all__ = ["acknowledge"]
