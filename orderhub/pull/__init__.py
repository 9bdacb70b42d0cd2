"""Pull: a connector yields raw interchanges; the hub archives, records and settles them."""

from orderhub.pull.again import receive_again
from orderhub.pull.stage import pull

__all__ = ["pull", "receive_again"]
