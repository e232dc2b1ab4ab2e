"""What a screen reader calls the controls of the pages."""

from typing import Any

import pytest

from tests.page.conftest import OpenWindow, Site
from tests.page.window import Window
from tests.replies.conversation import SLOW

CONTROLS = {"link", "button", "textbox", "combobox", "radio", "checkbox", "spinbutton", "searchbox", "img", "region"}


async def controls(window: Window) -> list[tuple[str, str]]:
    """The role and the accessible name of each control."""
    session = await window.context.new_cdp_session(window.page)
    nodes: list[dict[str, Any]] = (await session.send("Accessibility.getFullAXTree"))["nodes"]
    shown = [node for node in nodes if not node["ignored"]]
    named = [(node["role"]["value"], node.get("name", {}).get("value", "").strip()) for node in shown]
    return [(role, name) for role, name in named if role in CONTROLS]


@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("locale", ["en-US", "ko-KR"])
async def test_every_control_has_a_name(open_window: OpenWindow, site: Site, sid: str, width: int, locale: str) -> None:
    a = await open_window(site.web, viewport={"width": width, "height": 740}, locale=locale)
    await a.page.goto(a.base)
    entrance = await controls(a)
    await a.enter(sid)
    await a.say(f"@llm {SLOW}")
    await a.growing.first.wait_for()
    room = await controls(a)
    assert [control for control in entrance + room if not control[1]] == []
    assert ("link", "doqchat") in room
    assert {role for role, _ in entrance} >= {"radio", "button", "textbox"}
    assert {role for role, _ in room} >= {"link", "button", "textbox", "region"} | (
        {"combobox"} if width > 960 else set()
    )
