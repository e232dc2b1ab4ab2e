"""Names, initials and presence of people, and the lines about who has changed what."""

import re

import pytest
from django.utils import translation
from playwright.async_api import Locator, expect

from chat.rendering import line
from doqchat.protocol import events, server
from doqchat.store.reader import Entry
from tests.page.conftest import OpenWindow
from tests.page.window import Window

INITIALS = """async (names) => {
    const modules = [...document.querySelectorAll("link[rel=modulepreload]")].map(({ href }) => href)
    const { initialsOf } = await import(modules.find((href) => href.includes("/people")))
    return names.map((name) => initialsOf({ role: "A", name }))
}"""


NAMES = """async (persons) => {
    const modules = [...document.querySelectorAll("link[rel=modulepreload]")].map(({ href }) => href)
    const { meet, nameOf } = await import(modules.find((href) => href.includes("/people")))
    for (const person of persons) meet({ role: "B", person })
    return persons.map((person) => nameOf({ role: "B", name: "", person }))
}"""


async def take_name(window: Window, name: str) -> None:
    """Set the name of this browser, and wait until the server knows it."""
    await window.page.fill("#own-name", name)
    await window.page.press("#own-name", "Enter")
    await expect(window.page.locator(".people__person--here", has_text=f"{name} (you)")).to_be_visible()


def people(window: Window) -> Locator:
    return window.page.locator(".people__person")


def row(*parts: str) -> re.Pattern[str]:
    """The texts of a person's row, after the badge."""
    return re.compile(r"\s+".join(parts) + r"\s*$")


def authors(window: Window) -> Locator:
    return window.page.locator(".timeline__stored .message__author")


async def test_two_people_of_one_role_and_two_windows_of_one_person_are_told_apart(
    open_window: OpenWindow, sid: str
) -> None:
    minji, jun = await open_window(), await open_window()
    for window, name in ((minji, "김민지"), (jun, "Jun Park")):
        await window.enter(sid, "A")
        await take_name(window, name)
    again = await minji.context.new_page()
    await again.goto(f"{minji.base}/s/{sid}/?role=A")
    await jun.say("hi")
    await minji.shows("hi")
    await minji.say("안녕")
    await minji.shows("hi", "안녕")
    rows = [row("Jun Park", "A", "online"), row("김민지 \\(you\\)", "A", "2 windows"), row("B", "offline")]
    await expect(people(minji)).to_have_text(rows)
    for page in (minji.page, again):
        await expect(page.locator(".timeline__stored .badge")).to_have_text(["JP", "민지"])
        await expect(page.locator(".timeline__stored .message--own .message__text")).to_have_text(["안녕"])
        await expect(page.locator(".timeline__stored .message__author")).to_have_text(["Jun Park", "김민지 (you)"])
    await minji.page.reload()
    await expect(authors(minji)).to_have_text(["Jun Park", "김민지 (you)"])
    await jun.page.locator(".composer__text").press_sequentially("x")
    await expect(minji.page.locator(".typing")).to_have_text("Jun Park is typing…")


async def test_nameless_people_of_one_role_are_told_apart_by_their_browsers(open_window: OpenWindow, sid: str) -> None:
    one, other, b = [await open_window() for _ in range(3)]
    for window, role in ((one, "A"), (other, "A"), (b, "B")):
        await window.enter(sid, role)
    again = await one.context.new_page()
    await again.goto(f"{one.base}/s/{sid}/?role=A")
    await one.say("from one")
    await other.shows("from one")
    await other.say("from another")
    for page, own in ((one.page, ["from one"]), (again, ["from one"]), (other.page, ["from another"])):
        await expect(page.locator(".message--own .message__text")).to_have_text(own)
    for _ in range(2):
        await b.shows("from one", "from another")
        names = await authors(b).all_text_contents()
        assert [re.fullmatch(r"A #\d{2,9}", name) is not None for name in names] == [True, True]
        assert len(set(names)) == 2
        rows = b.page.locator(".people__person--here:not([data-role=B])")
        await expect(rows.filter(has_text=names[0])).to_contain_text("2 windows")
        await expect(rows.filter(has_text=names[1])).not_to_contain_text("windows")
        await b.page.reload()
    await one.page.reload()
    await expect(one.page.locator(".message--own .message__text")).to_have_text(["from one"])


async def test_a_number_has_as_many_digits_as_distinguish_it(open_window: OpenWindow, sid: str) -> None:
    window = await open_window()
    await window.enter(sid, "A")
    persons = [f"{number - 10**8:012x}000000" for number in (123_456_789, 123_499_999, 987_654_321)]
    assert await window.page.evaluate(NAMES, persons) == ["B #12345", "B #12349", "B #98"]


async def test_the_field_for_the_own_name_shows_which_one_is_used_without_it(open_window: OpenWindow, sid: str) -> None:
    window = await open_window()
    await window.enter(sid, "B")
    field = window.page.locator("#own-name")
    await expect(field).to_have_attribute("placeholder", "B")
    await patch(window, sid, {"name_b": "Noah"})
    await expect(field).to_have_attribute("placeholder", "Noah")
    await take_name(window, "Jun")
    await expect(field).to_have_attribute("placeholder", "Noah")


async def test_a_refused_name_is_not_sent(open_window: OpenWindow, sid: str) -> None:
    window = await open_window()
    await window.enter(sid, "A")
    for name in ("[A]", "a@b", "a\u202eb", "x" * 41):
        await window.page.fill("#own-name", name)
        await window.page.press("#own-name", "Enter")
        await expect(window.page.locator("#own-name-problem")).to_contain_text("at most 40 characters")
    await take_name(window, "Ada")
    await expect(window.page.locator("#own-name-problem")).to_be_empty()


async def test_initials_are_short_in_every_script(open_window: OpenWindow, sid: str) -> None:
    window = await open_window()
    await window.enter(sid, "A")
    expected = {
        "김민지": "민지",
        "민지": "민지",
        "김 민지": "민지",
        "남궁민지": "민지",
        "행복한개발자": "행",
        "ada lovelace": "AL",
        "Ada Byron King": "AK",
        "Ada": "A",
        "élan": "É",
        "e\u0301lan": "E\u0301",
        "👨‍👩‍👧 family": "👨‍👩‍👧",
        "🇰🇷": "🇰🇷",
        "王小明": "王",
        "محمد": "م",
        "  ": "",
    }
    assert await window.page.evaluate(INITIALS, list(expected)) == list(expected.values())


async def test_shown_names_follow_the_sessions_settings(a_and_b: tuple[Window, Window], sid: str) -> None:
    a, b = a_and_b
    await a.say("hello")
    await b.shows("hello")
    for name in ("name_a", "name_llm"):
        await patch(a, sid, {name: {"name_a": "Mina", "name_llm": "Haru"}[name]})
    for window, author in ((a, "Mina (you)"), (b, "Mina")):
        await expect(authors(window)).to_have_text([author])
        await expect(people(window).first).to_contain_text("Mina")
        await window.page.reload()
        await expect(authors(window)).to_have_text([author])
    await a.say("@llm hi")
    await expect(b.page.locator(".timeline__stored .message--answer .message__author")).to_have_text("Haru")


async def test_what_has_changed_says_who_did_it_and_can_be_undone(a_and_b: tuple[Window, Window], sid: str) -> None:
    a, b = a_and_b
    await take_name(b, "Minji")
    await b.page.locator("#policy").select_option("off")
    line = a.page.locator(".changes__line", has_text="Minji set the AI to answer only when asked.")
    await expect(b.page.locator(".changes__line", has_text="You set the AI to answer only when asked.")).to_be_visible()
    await line.get_by_role("button", name="Undo").click()
    await expect(a.page.locator(".changes__line").last).to_contain_text("You set the AI to answer when it is called.")
    await expect(b.page.locator(".changes__line").last).to_contain_text("A set the AI to answer when it is called.")
    await expect(b.page.locator("#policy")).to_have_value("mention")
    for window in (a, b):  # the change that has been undone cannot be undone again
        await expect(window.page.locator(".changes__line", has=window.page.get_by_role("button"))).to_have_count(1)


async def test_what_has_changed_stays_above_what_is_said_later(open_window: OpenWindow, sid: str) -> None:
    a, b = await open_window(), await open_window()
    await a.enter(sid, "A")
    await a.say("hello?")
    await a.shows("hello?")
    await b.enter(sid, "B")
    line = a.page.locator(".changes__line", has_text="B joined.")
    await expect(line).to_be_visible()
    assert await heights(line, a.texts.last) == "below"
    await b.say("hello!")
    await a.shows("hello?", "hello!")
    assert await heights(line, a.texts.last) == "above"
    await a.page.locator("#policy").select_option("always")
    undo = a.page.get_by_role("button", name="Undo")
    await undo.focus()
    await b.say("more")
    await a.shows("hello?", "hello!", "more")
    await expect(undo).to_be_focused()
    await a.page.keyboard.press("Enter")
    await expect(a.page.locator("#policy")).to_have_value("mention")


async def heights(line: Locator, message: Locator) -> str:
    """Whether the line is above or below the message."""
    boxes = await line.bounding_box(), await message.bounding_box()
    assert all(boxes)
    return "above" if boxes[0]["y"] < boxes[1]["y"] else "below"


async def test_who_joins_is_announced_and_who_reconnects_is_not(open_window: OpenWindow, sid: str) -> None:
    a, b = await open_window(), await open_window()
    await a.page.clock.install()
    await a.enter(sid, "A")
    await b.enter(sid, "B")
    await take_name(b, "Jun")
    lines = a.page.locator(".changes__line")
    await expect(lines).to_have_text(["B joined.", "Jun joined."])
    for _ in range(2):
        await b.page.goto("about:blank")
        await expect(people(a)).to_have_text([row("A \\(you\\)", "online"), row("B", "offline")])
        await b.enter(sid, "B")
        await expect(people(a)).to_have_text([row("A \\(you\\)", "online"), row("Jun", "B", "online")])
    await expect(lines).to_have_text(["B joined.", "Jun joined."])
    await b.page.goto("about:blank")
    await expect(people(a)).to_have_text([row("A \\(you\\)", "online"), row("B", "offline")])
    await a.page.clock.run_for(11_000)
    await expect(lines.last).to_have_text("Jun left.")
    await a.page.clock.run_for(30_000)
    await expect(lines).to_have_count(0)


@pytest.mark.parametrize(
    ("name", "names", "author"),
    [("Jun", {"A": "Mina"}, "Jun"), (None, {"A": "Mina"}, "Mina"), (None, {"A": ""}, "A"), ("", {}, "A")],
)
def test_the_server_renders_the_name_of_the_event_or_of_the_settings(
    name: str | None, names: dict[str, str], author: str
) -> None:
    entry = Entry("2-0", "1-1", "A", server.stored("s", events.ChatMessage(text="hi"), "A", name))
    muted = Entry("3-0", "2-0", "B", server.stored("s", events.SessionNotice(code="muted", text="", role="A"), "B"))
    with translation.override("en"):
        said, notice = line(entry, "B", names), line(muted, "B", names)
    assert said is not None
    assert notice is not None
    assert (said.author, said.name) == (author, name or "")
    assert notice.text == f"A moderator muted {names.get('A') or 'A'}."


async def patch(window: Window, sid: str, changes: dict[str, str]) -> None:
    answer = await window.page.request.patch(f"{window.base}/api/chat/sessions/{sid}", data=changes)
    assert answer.ok
