"""The SFTP connector. See README.md in this folder; what is taken and when stands in ``orderhub.transport.files.server``."""

from __future__ import annotations

from connectors.sftp.session import Session
from connectors.sftp.settings import SftpSettings
from connectors.sftp.store import SftpStore
from orderhub.transport.files.server import FileServerConnector


class SftpConnector(FileServerConnector[SftpSettings]):
    """One folder of an SFTP server. One instance is for one thread."""

    name = "sftp"
    settings_type = SftpSettings

    def connect(self) -> SftpStore:
        credentials = self.ports.credentials(self.settings.connection)
        session = Session.open(
            credentials,
            name=self.settings.connection,
            connect_seconds=self.settings.connect_seconds,
            answer_seconds=self.settings.answer_seconds,
        )
        return SftpStore(session, self.settings.path)
