"""The FTP connector. See README.md in this folder; what is taken and when stands in ``orderhub.transport.files.server``."""

from __future__ import annotations

from connectors.ftp.session import open_session
from connectors.ftp.settings import FtpSettings
from connectors.ftp.store import FtpStore
from orderhub.transport.files.server import FileServerConnector


class FtpConnector(FileServerConnector[FtpSettings]):
    """One folder of an FTPS or FTP server. One instance is for one thread."""

    name = "ftp"
    settings_type = FtpSettings

    def connect(self) -> FtpStore:
        credentials = self.ports.credentials(self.settings.connection)
        session, where = open_session(credentials, self.settings)
        return FtpStore(session, where, self.settings.path)

    def unusable(self, name: str) -> str | None:
        if "\r" in name or "\n" in name:
            return "has a line break in its name, which FTP cannot say; nothing was done with it"
        return super().unusable(name)
