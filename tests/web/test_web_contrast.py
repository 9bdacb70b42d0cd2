"""The colours of the style sheets against WCAG 2.2: text at least 4.5 to 1, signs and the focus ring at least 3 to 1."""

from __future__ import annotations

import math
import re

import pytest

from orderhub.web.app import STATIC

TONES = ("good", "bad", "warn", "info", "busy", "wait", "mute")
TEXT = [
    *((fg, bg) for fg in ("fg", "fg-muted", "link") for bg in ("bg", "panel", "bg-subtle", "bg-muted")),
    *(("fg-faint", bg) for bg in ("bg", "panel", "bg-subtle")),
    *((f"{tone}-fg", f"{tone}-bg") for tone in TONES),
    *((f"code-{kind}", "panel") for kind in ("string", "number", "word", "key")),
    ("accent-fg", "accent"),
    ("accent-fg", "accent-hover"),
    ("fg", "trace-bg"),
    ("fg", "accent-soft"),
]
SIGNS = [
    *(
        (name, "panel")
        for name in (
            "band-through",
            "band-held",
            "focus",
            "trace",
            "bad",
            "good",
            "warn",
            "info",
            "busy",
            "wait",
        )
    ),
    ("focus", "bg"),
]


def tokens(theme: str) -> dict[str, str]:
    """The custom properties that hold in a theme."""
    css = re.sub(r"/\*.*?\*/", "", (STATIC / "tokens.css").read_text(encoding="utf-8"), flags=re.S)
    found: dict[str, str] = {}
    for selector, body in re.findall(r"([^{}]+)\{([^{}]*)\}", css):
        if theme == "dark" or "dark" not in selector:
            found.update(re.findall(r"--([\w-]+):\s*([^;]+);", body))
    return found


def linear(name: str, known: dict[str, str]) -> tuple[float, float, float]:
    """A colour as linear sRGB; OKLCH by its definition (CSS Color 4)."""
    value = known[name].strip()
    if reference := re.fullmatch(r"var\(--([\w-]+)\)", value):
        return linear(reference.group(1), known)
    if value.startswith("#"):
        digits = value[1:] if len(value) == 7 else "".join(digit * 2 for digit in value[1:])
        parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
        return tuple(p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)  # type: ignore[return-value]
    match = re.fullmatch(r"oklch\(([\d.]+) ([\d.]+) ([\d.]+)\)", value)
    assert match is not None, f"{name}: {value}"
    light, chroma, hue = (float(part) for part in match.groups())
    a, b = chroma * math.cos(math.radians(hue)), chroma * math.sin(math.radians(hue))
    long = (light + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (light - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (light - 0.0894841775 * a - 1.2914855480 * b) ** 3
    return (
        min(max(4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short, 0), 1),
        min(max(-1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short, 0), 1),
        min(max(-0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short, 0), 1),
    )


def contrast(one: str, other: str, known: dict[str, str]) -> float:
    def luminance(name: str) -> float:
        red, green, blue = linear(name, known)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_and_signs_can_be_told_from_their_ground(theme: str) -> None:
    known = tokens(theme)
    weak = [
        f"{one} on {other}: {ratio:.2f}"
        for pairs, least in ((TEXT, 4.5), (SIGNS, 3.0))
        for one, other in pairs
        if (ratio := contrast(one, other, known)) < least
    ]
    assert weak == []


def test_the_measure_is_right() -> None:
    known = {"black": "#000", "white": "#ffffff", "gray": "oklch(0.5999 0 0)"}
    assert contrast("black", "white", known) == pytest.approx(21)
    # oklch(0.5999 0 0) is #808080
    assert contrast("gray", "white", known) == pytest.approx(3.95, abs=0.02)


def test_motion_stops_for_who_asks_for_it() -> None:
    css = (STATIC / "app.css").read_text(encoding="utf-8")
    still = css[css.index("prefers-reduced-motion: reduce") :]
    assert "animation-duration: 0.01ms !important" in still
    assert "transition-duration: 0.01ms !important" in still
