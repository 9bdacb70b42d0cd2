"""The contract test class: a file for every capability, put together here. See ``orderhub.testing``."""

from __future__ import annotations

from orderhub.testing.contract.base import DONE, Arrive, Effects, FailAt, Replies, Settings
from orderhub.testing.contract.general import GeneralContract
from orderhub.testing.contract.load import LoadContract
from orderhub.testing.contract.pull import PullContract
from orderhub.testing.contract.reply import ReplyContract
from orderhub.testing.contract.waiting import WaitingContract

__all__ = ["DONE", "Arrive", "ConnectorContract", "Effects", "FailAt", "Replies", "Settings"]


class ConnectorContract(GeneralContract, PullContract, WaitingContract, LoadContract, ReplyContract):
    """What every connector must do. Subclass it as ``Test…`` with ``connector`` and the fixtures of its capabilities.

    For all: ``settings``; ``ports`` when it needs any; ``peer``, what it is tested against, with its version (a text of
    the class, or a fixture that asks the server); ``state`` (a callable that gives a picture of the other side, so that
    ``check`` is seen to leave it alone). PULL: ``arrive``. LOAD: ``effects``, and where it can be arranged ``fail_at`` and
    ``unacceptable``. REPLY: ``replies``, and where it can be arranged ``reply_fails_at``. ``unreachable``: settings or
    ports with which the other side cannot be reached.
    """
