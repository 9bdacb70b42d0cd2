"""Contract tests that every connector inherits. See :class:`ConnectorContract` (written with the connectors)."""
