"""Text can be read: WCAG's contrast of 4.5 for all pairs of colours that text and its background make."""

import re

import pytest

from tests.processes import ROOT

TOKENS = (ROOT / "chat/static/doqchat/css/tokens.css").read_text()
COLOURS = re.findall(r"--([\w-]+): (?:light-dark\()?(#[0-9a-f]{6})(?:, (#[0-9a-f]{6})\))?;", TOKENS)
LIGHT = {name: light for name, light, _ in COLOURS}
DARK = {name: dark or light for name, light, dark in COLOURS}
BASE = (ROOT / "chat/templates/doqchat/base.html").read_text()
ENOUGH = 4.5

PAIRS = [
    *[(ink, back) for ink in ("ink", "ink-soft", "alarm", "live") for back in ("paper", "surface")],
    *[("on-voice", f"voice-{role}") for role in ("a", "b", "user")],
    ("ink", "voice-llm-wash"),
    ("paper", "ink"),
]


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize(("ink", "back"), PAIRS)
def test_text_stands_out_from_its_background(theme: dict[str, str], ink: str, back: str) -> None:
    brighter, darker = sorted((_luminance(theme[ink]), _luminance(theme[back])), reverse=True)
    assert (brighter + 0.05) / (darker + 0.05) >= ENOUGH


def test_the_browsers_bars_have_the_colour_of_the_page() -> None:
    bars = [line for line in BASE.splitlines() if "theme-color" in line]
    assert [re.findall("#[0-9a-f]{6}", bar) for bar in bars] == [
        [DARK["paper"], LIGHT["paper"]],
        [LIGHT["paper"], DARK["paper"]],
    ]


def _luminance(colour: str) -> float:
    channels = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in channels]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
