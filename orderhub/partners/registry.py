"""The folder of agreements: by name, and by the sender of an envelope."""

from __future__ import annotations

from pathlib import Path

from orderhub.config_file import ConfigFolder
from orderhub.errors import ConfigError
from orderhub.findings import Place
from orderhub.partners.agreement import Agreement, parse_agreement


class PartnerRegistry:
    """Agreements of a folder, read when asked; a file that changed is read again, a broken one hides only itself."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._files: ConfigFolder[Agreement] = ConfigFolder(folder, parse_agreement, noun="partner")

    def agreements(self) -> list[Agreement]:
        """All usable agreements, by name."""
        return self._files.usable()

    def problems(self) -> list[ConfigError]:
        """What is wrong with the other files; an identifier that two agreements claim is a problem of the second."""
        found = self._files.broken()
        claimed: dict[tuple[str, str, str | None], str] = {}
        for agreement in self.agreements():
            for known in agreement.identifiers:
                key = (known.format, known.id, known.qualifier)
                other = claimed.setdefault(key, agreement.name)
                if other != agreement.name:
                    found.append(
                        ConfigError(
                            f"The identifier {known.id} ({known.format}) belongs to {other} already.",
                            todo=f"Remove it from {other} or from {agreement.name}.",
                            place=Place(file=agreement.file),
                        )
                    )
        return found

    def get(self, name: str) -> Agreement:
        """The agreement of that name.

        :raises ConfigError: when its file is wrong (that error), or when there is none.
        """
        return self._files.get(name)

    def of_sender(self, format_name: str, sender: str | None, qualifier: str | None) -> Agreement | None:
        """Whose envelope this is. An agreement that names the qualifier wins over one that does not; an identifier
        that two claim is nobody's, so that nothing goes to the wrong company."""
        matching = [a for a in self.agreements() if a.matches(format_name, sender, qualifier)]
        if len(matching) > 1:
            matching = [
                agreement
                for agreement in matching
                if any(
                    known.format == format_name and known.id == sender and known.qualifier == qualifier
                    for known in agreement.identifiers
                )
            ]
        return matching[0] if len(matching) == 1 else None
