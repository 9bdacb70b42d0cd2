"""Settings of a folder on an FTPS or FTP server."""

from __future__ import annotations

from typing import Literal

import pydantic

from orderhub.transport.files.settings import FileServerSettings


class FtpSettings(FileServerSettings):
    """See README.md. The user, the password and, for FTPS, the authorities to trust stand in the connection."""

    #: ``explicit``: TLS is asked for on the usual port; ``implicit``: the connection begins with TLS (port 990).
    tls: Literal["explicit", "implicit"] = "explicit"
    #: No TLS at all: user, password and files go over the network in clear.
    plain: bool = False

    @pydantic.model_validator(mode="after")
    def _one_of_both(self) -> FtpSettings:
        if self.plain and "tls" in self.model_fields_set:
            raise ValueError("set either tls or plain: true")
        return self
