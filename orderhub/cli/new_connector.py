"""Writes the folder of a new connector, with its contract test."""

from __future__ import annotations

import keyword
import re
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from orderhub.errors import ConfigError

_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}\Z")
_TEMPLATES = Path(__file__).parent / "new"


def create(project: Path, name: str, *, source: bool, target: bool) -> list[Path]:
    """Write ``connectors/<name>/`` and ``tests/contract/test_<name>_contract.py``; the paths, the test last.

    :raises ConfigError: a name that cannot be one, or something is there already, or the project cannot be written to.
    """
    if not _NAME.match(name) or keyword.iskeyword(name):
        raise ConfigError(
            f"{name!r} cannot be a connector's name.", todo="Use small letters, digits and underscores."
        )
    folder = project / "connectors" / name
    test = project / "tests" / "contract" / f"test_{name}_contract.py"
    files = {
        folder / "__init__.py": "init.py.j2",
        folder / "manifest.yaml": "manifest.yaml.j2",
        folder / "settings.py": "settings.py.j2",
        folder / "connector.py": "connector.py.j2",
        folder / "README.md": "README.md.j2",
        test: "test.py.j2",
    }
    there = next((path for path in (folder, test) if path.exists()), None)
    if there is not None:
        raise ConfigError(f"{there} is there already.", todo="Choose another name, or take it away first.")
    # files of Python and Markdown, never shown in a browser
    templates = Environment(  # noqa: S701
        loader=FileSystemLoader(_TEMPLATES),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    words = {
        "name": name,
        "title": name.replace("_", " ").capitalize(),
        "type": "".join(part.capitalize() for part in name.split("_")),
        "source": source,
        "target": target,
    }
    try:
        package = project / "connectors" / "__init__.py"
        for path, template in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(templates.get_template(template).render(words), encoding="utf-8")
        if not package.exists():
            package.write_text('"""Connectors."""\n', encoding="utf-8")
    except OSError as error:
        raise ConfigError(
            f"{project} cannot be written to: {error.strerror}.", todo="Give another --folder."
        ) from error
    return list(files)
