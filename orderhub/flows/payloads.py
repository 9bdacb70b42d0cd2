"""The port ``write``: payloads for connectors, by the project's mappings; each mapping is kept in the ledger when first used."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Engine

from orderhub.documents import Document
from orderhub.errors import MappingError
from orderhub.ledger.artifacts import ArtifactChanged
from orderhub.ledger.kept_mappings import keep_mapping
from orderhub.mapping.registry import MappingRegistry
from orderhub.mapping.writing import Written


class MappingChanged(MappingError):
    """A mapping was changed after its version had written payloads."""

    code = "MAPPING_CHANGED"


class PayloadWriter:
    """Writes documents; see :meth:`orderhub.connector.Ports.resource`."""

    def __init__(self, mappings: MappingRegistry, ledger: Engine) -> None:
        self._mappings = mappings
        self._ledger = ledger
        #: content hashes of the mappings that this process knows to be kept
        self._kept: set[str] = set()

    def __call__(self, mapping: str, document: Document, given: Mapping[str, str] | None = None) -> Written:
        """The payload of a document.

        :param given: values that stand in no document (``given(name)`` in the mapping), such as the idempotency key.
        :raises PayloadRefused: the document cannot be written so.
        :raises MappingError: the mapping is missing or wrong, is for other documents, or was changed and its version not
            raised.
        """
        compiled = self._mappings.writing(mapping)
        if compiled.content_hash not in self._kept:
            try:
                with self._ledger.begin() as connection:
                    keep_mapping(connection, compiled)
            except ArtifactChanged as error:
                # nothing was sent: the connector says so as of any mapping that cannot be used
                raise MappingChanged(error.what, todo=error.todo) from error
            self._kept.add(compiled.content_hash)
        return compiled.write(document, given)
