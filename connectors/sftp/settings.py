"""Settings of a folder on an SFTP server."""

from __future__ import annotations

from orderhub.transport.files.settings import FileServerSettings


class SftpSettings(FileServerSettings):
    """See README.md. Keys, passwords and what is known of the server's host key stand in the connection."""
