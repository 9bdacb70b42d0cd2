"""``orderhub translate``: partner files to canonical JSON Lines, with nothing running.

Its arguments are read by argparse, so that it starts without the command tree and what that imports.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from orderhub.findings import Severity
    from orderhub.formats.base import EnvelopeInfo

_encoder = msgspec.json.Encoder(decimal_format="string")


def arguments() -> argparse.ArgumentParser:
    """The command's arguments."""
    parser = argparse.ArgumentParser(
        prog="orderhub translate",
        description="Translate files and print JSON Lines: each document, then each file with its outcome and findings. "
        "The outcome of a file is translated, partial, read (well-formed, no mapping fits) or refused.",
        epilog="Exit code 0: every file was looked at; 1: one could not be opened; 2: the call is wrong.",
    )
    parser.add_argument(
        "paths",
        nargs="+",
        type=Path,
        metavar="PATH",
        help="files, or folders of files (one source each, when the mapping joins several files)",
    )
    parser.add_argument("--mapping", metavar="NAME", help="a mapping; else the one that fits each message")
    parser.add_argument(
        "--mappings", type=Path, metavar="FOLDER", help="the mappings; else the project's own"
    )
    parser.add_argument(
        "--partner",
        metavar="NAME",
        help="whose documents these are: the agreement gives what they leave out and how bad each finding is; "
        "without it, the agreement of the sender in the envelope says how bad",
    )
    parser.add_argument(
        "--partners", type=Path, metavar="FOLDER", help="the agreements; else the project's own"
    )
    parser.add_argument("--json", action="store_true", help="JSON Lines, which is the only form there is")
    return parser


def main(argv: list[str]) -> int:
    """Translate what the arguments name; returns the exit code.

    :raises MappingUnknown: there is no mapping of that name.
    :raises MappingRefused: it is wrong.
    :raises ConfigError: there is no partner of that name, or its agreement is wrong.
    """
    from orderhub.cli.files import each_file
    from orderhub.mapping.registry import MappingRegistry
    from orderhub.mapping.translation import FileResult, translate_file
    from orderhub.partners.registry import PartnerRegistry
    from orderhub.project import mappings_folder, partners_folder

    given = arguments().parse_args(argv)
    registry = MappingRegistry(given.mappings or mappings_folder())
    if given.mapping is not None:
        registry.get(given.mapping)  # a wrong name is an error of the call, before any file is read
    partners = PartnerRegistry(given.partners or partners_folder())
    partner = None if given.partner is None else partners.get(given.partner)

    def severities(envelope: EnvelopeInfo) -> Mapping[str, Severity]:
        agreement = partner or (
            partners.of_sender(envelope.format, envelope.sender, envelope.sender_qualifier)
            if envelope.sender is not None
            else None
        )
        return {} if agreement is None else agreement.severities

    out = sys.stdout.buffer
    unopened = False
    joined = given.mapping is not None and "files" in registry.file(given.mapping).source.options
    for path in given.paths if joined else each_file(given.paths):
        for row in translate_file(
            path,
            registry,
            mapping=given.mapping,
            given={} if partner is None else partner.defaults.given(),
            severities=severities,
        ):
            out.write(_encoder.encode(row.as_row()) + b"\n")
            if isinstance(row, FileResult):
                unopened = unopened or not row.opened
        out.flush()
    return 1 if unopened else 0
