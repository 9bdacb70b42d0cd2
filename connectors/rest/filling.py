"""Placeholders of declared requests: ``{since}``, ``{key}``, ``{document}``."""

from __future__ import annotations

import re
import urllib.parse
from collections.abc import Mapping
from typing import Any

from orderhub.transport.records import dump

_PLACEHOLDER = re.compile(r"\{([a-z][a-z0-9_]*)\}")
#: Takes the place of what mentions a value that there is none of.
ABSENT = object()


def fill(tree: Any, values: Mapping[str, Any]) -> Any:
    """A tree with its placeholders filled; braces around other words stay. A text that is a placeholder and nothing else becomes
    the value as it is.

    What mentions a value that is None is left out: the member of an object; of lists in lists (conditions of a query) the inner
    list. ``ABSENT`` when nothing is left.
    """
    match tree:
        case str():
            return _text(tree, values)
        case dict():
            filled = {name: fill(value, values) for name, value in tree.items()}
            return {name: value for name, value in filled.items() if value is not ABSENT}
        case list():
            members = [fill(value, values) for value in tree]
            if any(new is ABSENT and isinstance(old, str) for old, new in zip(tree, members, strict=True)):
                return ABSENT
            return [member for member in members if member is not ABSENT]
        case _:
            return tree


def fill_params(params: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, str]:
    """Parameters of a query; lists and objects as JSON, so that a value within cannot end the text it stands in."""
    filled = {name: fill(value, values) for name, value in params.items()}
    return {name: shown(value) for name, value in filled.items() if value is not ABSENT}


def shown(value: Any) -> str:
    """A value as a text of a query."""
    return value if isinstance(value, str) else dump(value).decode()


def fill_path(path: str, values: Mapping[str, Any]) -> str:
    """A path; values are quoted, so that none of them leads elsewhere."""

    def quoted(match: re.Match[str]) -> str:
        value = values.get(match[1])
        if value is None:
            return match[0]
        # "." and ".." are the two that quoting does not touch
        return urllib.parse.quote(str(value), safe="").replace(".", "%2E")

    return _PLACEHOLDER.sub(quoted, path)


def _text(text: str, values: Mapping[str, Any]) -> Any:
    named = [name for name in _PLACEHOLDER.findall(text) if name in values]
    if any(values[name] is None for name in named):
        return ABSENT
    if named and text == f"{{{named[0]}}}":
        return values[named[0]]
    return _PLACEHOLDER.sub(lambda match: shown(values[match[1]]) if match[1] in values else match[0], text)
