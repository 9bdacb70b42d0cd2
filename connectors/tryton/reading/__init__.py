"""Records out of Tryton: what changed, what is given out, how far a pull is. See README.md of the connector."""
