"""The history of the schemas ``ledger`` and ``warehouse``."""
