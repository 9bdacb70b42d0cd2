"""Builds the context that the stages work in."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from orderhub.stage import HubContext

__all__ = ["Folders", "HubContext", "Reachable", "open_context"]


class Folders(Protocol):
    """Where the project's files are: ``orderhub.services.settings.Settings`` is one."""

    def path(self, name: str) -> Path:
        """``mappings_folder``, ``partners_folder``, ``schemas_folder``, ``connectors_folder``, ``flows_folder``."""


class Reachable(Protocol):
    """How the parts are reached: ``orderhub.services.endpoints.Endpoints`` is one."""

    @property
    def database_url(self) -> str: ...
    @property
    def valkey_url(self) -> str: ...
    @property
    def archive_url(self) -> str: ...
    @property
    def archive_key(self) -> str: ...
    @property
    def inbox_folder(self) -> Path: ...
    @property
    def erp_url(self) -> str: ...
    @property
    def erp_database(self) -> str: ...
    @property
    def erp_user(self) -> str: ...
    @property
    def erp_password(self) -> str: ...


def open_context(settings: Folders, endpoints: Reachable, *, worker: str | None = None) -> HubContext:
    """A context on these services: ``open_context(get_settings(), endpoints.load())``. Close it when done.

    Opens nothing before it is used, except that it checks nothing either: the first query says what is unreachable.

    :param worker: names this process in leases and logs; host, process id and a random part when absent.
    """
    raise NotImplementedError
