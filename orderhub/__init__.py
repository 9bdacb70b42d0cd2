"""Orderhub: purchase orders and supplier data between companies and their systems."""

__version__ = "0.1.0"
