"""The ``orderhub`` command. Command modules import what they need inside their functions: starting must stay cheap."""
