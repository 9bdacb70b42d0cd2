"""The embedded ERP: a Tryton server in an environment and a process of its own, set up over its RPC."""
