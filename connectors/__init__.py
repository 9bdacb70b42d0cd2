"""What can be pulled from and loaded into: a folder per system, found by ``orderhub.connector_registry``."""
