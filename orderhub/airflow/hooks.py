"""Hooks of Orderhub's types of connections, for DAGs of people's own: what a connection resolves to."""

from __future__ import annotations

from typing import ClassVar

from airflow.sdk import BaseHook

from orderhub.airflow.credentials import credentials_of
from orderhub.connector import Credentials


class OrderhubHook(BaseHook):
    """Base of all. ``get_conn`` gives the credentials as connectors get them; opening is the connectors' work."""

    conn_name_attr: ClassVar[str] = "orderhub_conn_id"
    default_conn_name: ClassVar[str] = "orderhub_default"
    conn_type: ClassVar[str]
    hook_name: ClassVar[str]

    def __init__(self, orderhub_conn_id: str = "orderhub_default") -> None:
        super().__init__()
        self.orderhub_conn_id = orderhub_conn_id

    def get_conn(self) -> Credentials:
        """Address, user, secret and the rest.

        Which hosts may be reached stands in ``extra``: ``allowed_hosts``, and ``private_hosts`` for those in one's own
        network. The hub's connectors keep to it (orderhub.transport.addresses); a DAG that opens the address itself does
        so without that guard.
        """
        return credentials_of(self.get_connection(self.orderhub_conn_id))


class RestHook(OrderhubHook):
    conn_type = "orderhub_rest"
    hook_name = "Orderhub REST"


class OdataHook(OrderhubHook):
    conn_type = "orderhub_odata"
    hook_name = "Orderhub OData"


class SoapHook(OrderhubHook):
    conn_type = "orderhub_soap"
    hook_name = "Orderhub SOAP"


class ErpHook(OrderhubHook):
    conn_type = "orderhub_erp"
    hook_name = "Orderhub ERP"


class SftpHook(OrderhubHook):
    conn_type = "orderhub_sftp"
    hook_name = "Orderhub SFTP"


class FtpHook(OrderhubHook):
    conn_type = "orderhub_ftp"
    hook_name = "Orderhub FTP and FTPS"


class SqlHook(OrderhubHook):
    conn_type = "orderhub_sql"
    hook_name = "Orderhub SQL"


class QueueHook(OrderhubHook):
    conn_type = "orderhub_queue"
    hook_name = "Orderhub queue"


class MailHook(OrderhubHook):
    conn_type = "orderhub_mail"
    hook_name = "Orderhub e-mail"


class StoreHook(OrderhubHook):
    conn_type = "orderhub_store"
    hook_name = "Orderhub object store"
