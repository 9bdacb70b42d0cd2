"""Makes docs/reference/settings.md from the settings model; a test compares the two.

``python -m orderhub.services.settings_page > docs/reference/settings.md``
"""

from __future__ import annotations

import sys
import types
import typing
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from orderhub.services.settings import PREFIX, Settings

_HEAD = f"""# Settings

Every setting can be given in three ways; the first that has it wins:

1. the environment, `{PREFIX}` and the name in capitals: `{PREFIX}AIRFLOW_PORT=8090`;
2. a file `.env` in the project folder, written the same way;
3. a file `orderhub.toml` in the project folder, with the bare name: `airflow_port = 8090`.

A name that is not in this table is refused, with the nearest one that is. An empty value means unset. Paths that are
relative start at the project folder. A URL that is unset means that the hub starts that part itself; with the URL
set, it uses the part that runs there and starts none. Names with two underscores (`{PREFIX}_…`) are the hub's own.

Passwords and keys of the embedded parts are generated at the first start and kept in `secrets.json` in the data folder
(mode 0600). Back this file up: without it the archive cannot be read.

This page is made from the model: `python -m orderhub.services.settings_page > docs/reference/settings.md`.

| Name | Kind | Default | Meaning |
|---|---|---|---|
"""


def _kind(annotation: Any) -> str:
    if typing.get_origin(annotation) is typing.Literal:
        return ", ".join(f"`{value}`" for value in typing.get_args(annotation))
    if isinstance(annotation, types.UnionType):
        return " or ".join(_kind(part) for part in typing.get_args(annotation) if part is not types.NoneType)
    return {
        Path: "path",
        SecretStr: "text, secret",
        str: "text",
        int: "number",
        float: "number",
    }[annotation]


def _default(field: FieldInfo) -> str:
    if field.default_factory is not None:
        return "found"
    return "unset" if field.default is None else f"`{field.default}`"


def page() -> str:
    """The page's text."""
    rows = [
        f"| `{name}` | {_kind(field.annotation)} | {_default(field)} | {field.description} |"
        for name, field in Settings.model_fields.items()
    ]
    return _HEAD + "\n".join(rows) + "\n"


if __name__ == "__main__":
    sys.stdout.write(page())
