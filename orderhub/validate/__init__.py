"""Validate: business rules per batch; bad documents to quarantine, the others on."""

from orderhub.validate.stage import validate

__all__ = ["validate"]
