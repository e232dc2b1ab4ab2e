"""Text can be read: WCAG's contrast of 4.5 for all pairs of colours that text and its background make."""

import re

import pytest

from tests.processes import ROOT

TOKENS = (ROOT / "chat/static/doqchat/css/tokens.css").read_text()
LIGHT, DARK = TOKENS.split("prefers-color-scheme: dark")
ENOUGH = 4.5

PAIRS = [
    *[(ink, back) for ink in ("ink", "ink-soft", "alarm", "live") for back in ("paper", "surface")],
    *[("on-voice", f"voice-{role}") for role in ("a", "b", "user")],
    ("ink", "voice-llm-wash"),
    ("paper", "ink"),
]


@pytest.mark.parametrize("theme", [LIGHT, LIGHT + DARK], ids=["light", "dark"])
@pytest.mark.parametrize(("ink", "back"), PAIRS)
def test_text_stands_out_from_its_background(theme: str, ink: str, back: str) -> None:
    colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", theme))
    brighter, darker = sorted((_luminance(colours[ink]), _luminance(colours[back])), reverse=True)
    assert (brighter + 0.05) / (darker + 0.05) >= ENOUGH


def _luminance(colour: str) -> float:
    channels = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in channels]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
