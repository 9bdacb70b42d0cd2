"""Translate: raw interchanges become canonical documents, in batches."""

from orderhub.translate.stage import translate

__all__ = ["translate"]
