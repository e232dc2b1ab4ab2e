"""Messages are shown as Markdown, and text without Markdown as it was typed."""

import json

import pytest
import redis
from playwright.async_api import expect

from tests.page.conftest import OpenWindow
from tests.page.frames import event, piece, sent
from tests.page.window import Window

PLAIN = [
    "a\n\n\n\nb   c",
    "    four spaces\n\tand a tab",
    "2*3*4, a*b*c, x**2 + y**2, 사과*3 배*2, 2**3**4",
    "snake_case_name __init__.py _ _ f(*args, **kwargs) g(*args, **kwargs)",
    "(*^^*) 안녕 (*^^*) ^_^ 네 ^_^ -_- @_@ ㅠ_ㅠ 네 ㅠ_ㅠ ¯\\_(ツ)_/¯ :)",
    "네~~ 좋아요~~ 네~~좋아요~~ ~5~6",
    "1) 하나\n2) 둘",
    "2026. 11. 30. 오후\n11. 30. 만나요\n5. 3. 어린이날\n3. 네",
    "a sentence\n----------\nanother\n======",
    "-----",
    "***",
    "-",
    "#",
    "#태그 #1",
    ">:( >_< >.<",
    ">> 공지",
    "&lt; &amp; &nbsp; a < b <channel> <script>",
    "From $2bn to $4bn. R$ 12,29 and R$ 18,60; it costs $5, or R$ 6.",
    "R$ 12,29 … R$ 18,60, $2bn to $4bn, US$20 and US$30, $5 or 5$, $20-$30, $HOME/bin:$PATH",
    "README.md main.py a.b.c",
    "[메모]: 내용",
    "[x](javascript:alert) [y](/admin/) [ ] todo",
    "~~~ ㅋㅋ",
    "```",
    "1.",
    "C:\\*foo\\_bar \\(^o^)/",
    "*footnote",
    "* 부가세 별도",
    "| a | b |",
    "가격은 $$ 대박 $$ $$$",
    "x = 1 /*comment*/ + 2 /*and*/",
    "(**) 안녕 (**) src/**/*.ts lib/**/*.ts",
]

RENDERED = [
    (
        "**굵게(설명)**은 한**글**도 **“인용”**을",
        "<p><strong>굵게(설명)</strong>은 한<strong>글</strong>도 <strong>“인용”</strong>을</p>",
    ),
    (
        "**※ 주의**는 **결과: →** **`==`**는 **→ `a`**",
        "<p><strong>※ 주의</strong>는 <strong>결과: →</strong> <strong><code>==</code></strong>는 "
        "<strong>→ <code>a</code></strong></p>",
    ),
    ("*a* ~~b~~는 `c < d`", "<p><em>a</em> <s>b</s>는 <code>c &lt; d</code></p>"),
    ("line\nbreak  and   spaces **b**", "<p>line\nbreak  and   spaces <strong>b</strong></p>"),
    ("one\n\n\ntwo **b**", "<p>one\n\n\n</p><p>two <strong>b</strong></p>"),
    ("### A\n# B\n### C", "<h2>A</h2><h2>B</h2><h3>C</h3>"),
    ("1. a\n   - b\n2. c", '<ol><li value="1">a<ul><li>b</li></ul></li><li value="2">c</li></ol>'),
    (
        "- [ ] a\n- [x] **b**\n- [y] c",
        '<ul><li data-task="open">a</li><li data-task="done"><strong>b</strong></li><li>[y] c</li></ul>',
    ),
    ("> a\n> b", "<blockquote><p>a\nb</p></blockquote>"),
    ("a\n\n---\n\nb", "<p>a</p><hr><p>b</p>"),
    (
        "| a | b |\n| - | -: |\n| 1 | 2 |",
        '<div class="prose__table" tabindex="0"><table><thead><tr><th>a</th><th data-align="right">b</th></tr></thead>'
        '<tbody><tr><td>1</td><td data-align="right">2</td></tr></tbody></table></div>',
    ),
    (
        "| op | `a|b` |\n| - | - |\n| `||` | or<br>`<br>`<BR/>c |\n| \\| | ``x|`|\\|`` |",
        '<div class="prose__table" tabindex="0"><table><thead><tr><th>op</th><th><code>a|b</code></th></tr></thead>'
        "<tbody><tr><td><code>||</code></td><td>or\n<code>&lt;br&gt;</code>\nc</td></tr>"
        "<tr><td>|</td><td><code>x|`||</code></td></tr></tbody></table></div>",
    ),
    ("a<br>b\n**c<br>**", "<p>a&lt;br&gt;b\n<strong>c&lt;br&gt;</strong></p>"),
]

LINK = 'target="_blank" rel="noopener noreferrer nofollow ugc"'
LINKS = [
    ("https://example.org/a?b=c", f'<a href="https://example.org/a?b=c" {LINK}>https://example.org/a?b=c</a>'),
    ("https://naver.com에서", f'<a href="https://naver.com" {LINK}>https://naver.com</a>에서'),
    ("http://localhost:8000에", f'<a href="http://localhost:8000" {LINK}>http://localhost:8000</a>에'),
    ("a.co.kr이", f'<a href="http://a.co.kr" {LINK}>a.co.kr</a>이'),
    ("b@a.com으로", f'<a href="mailto:b@a.com" {LINK}>b@a.com</a>으로'),
    ("https://a.com/b: c", f'<a href="https://a.com/b" {LINK}>https://a.com/b</a>: c'),
    ("~~https://a.com/b~~", f'<s><a href="https://a.com/b" {LINK}>https://a.com/b</a></s>'),
    ("**https://a.com/b.**는", f'<strong><a href="https://a.com/b" {LINK}>https://a.com/b</a>.</strong>는'),
    ("a@example.org", f'<a href="mailto:a@example.org" {LINK}>a@example.org</a>'),
    ("[call](tel:+82-2-120)", f'<a href="tel:+82-2-120" {LINK}>call</a><span class="prose__host"> (+82-2-120)</span>'),
    (
        "[here](https://example.org)",
        f'<a href="https://example.org" {LINK}>here</a><span class="prose__host"> (example.org)</span>',
    ),
    (
        "[https://bank.example](https://example.org)",
        f'<a href="https://example.org" {LINK}>https://bank.example</a><span class="prose__host"> (example.org)</span>',
    ),
]

GROW = """async (texts) => {
    const { proseIn } = await import(document.querySelector("script[src$='room.js']").src.replace("room", "prose"))
    const html = (element) => element.innerHTML.replaceAll(/<(button|code).*?<\\/\\1>/gs, "")
    const found = []
    for (const text of texts) for (const step of [1, 2, 3, 5, 8, 13]) {
        const [grown, whole] = [0, 1].map(() => document.createElement("div"))
        for (let end = step; end < text.length; end += step) {
            proseIn(grown, false).grow(text.slice(0, end))
            await new Promise((painted) => requestAnimationFrame(() => requestAnimationFrame(painted)))
        }
        proseIn(grown, false).show(text)
        proseIn(whole, false).show(text)
        found.push([text, html(grown), html(whole)])
    }
    return found
}"""

FORMULA = "$x^2$는 \\(y\\)이고\n\n$$\n\\frac{a}{b}\n$$"
CODE = "```python\nprint(1)\n```"


async def test_text_without_markdown_is_shown_as_it_was_typed(
    open_window: OpenWindow, store: "redis.Redis", sid: str
) -> None:
    for text in PLAIN:
        _store(store, sid, "chat.message", text=text)
    a = await open_window()
    await a.enter(sid)
    await a.shows(*PLAIN)
    shown = await a.texts.evaluate_all("elements => elements.filter(({ children }) => children.length)")
    assert shown == []


async def test_history_and_live_messages_show_the_same_markdown(
    open_window: OpenWindow, store: "redis.Redis", sid: str
) -> None:
    known = [*RENDERED, *[(text, f"<p>{html}</p>") for text, html in LINKS]]
    for text, _ in known:
        _store(store, sid, "chat.message", text=text)
    a = await open_window()
    wire = await a.intercept()
    await a.enter(sid)
    assert await _html(a) == [html for _, html in known]
    for number, (text, _) in enumerate(known, 1):
        wire.route.send(event("llm.response", f"9999999999999-{number}", text=text, finish_reason="stop", model="test"))
    await expect(a.texts).to_have_count(2 * len(known))
    assert (await _html(a))[len(known) :] == [html for _, html in known]


async def test_images_are_links_that_load_nothing(open_window: OpenWindow, store: "redis.Redis", sid: str) -> None:
    image = "https://example.org/a.png"
    for text in (f"![**a** b]({image})", f"![]({image})", f"[![c]({image})](https://example.com)", "![d](data:e)"):
        _store(store, sid, "llm.response", text=text, finish_reason="stop")
    a = await open_window()
    requests: list[str] = []
    a.page.on("request", lambda request: requests.append(request.url))
    await a.enter(sid)
    await a.shows("a b (example.org)", image, "c (example.com)", "![d](data:e)")
    links = await a.texts.locator("a").evaluate_all("links => links.map(({ href }) => href)")
    assert links == [image, image, "https://example.com/"]
    await expect(a.texts.locator("img")).to_have_count(0)
    assert not [url for url in requests if "example" in url]


async def test_highlighting_and_maths_are_loaded_when_a_message_needs_them(
    open_window: OpenWindow, store: "redis.Redis", sid: str
) -> None:
    _store(store, sid, "chat.message", text="**bold** `code`")
    a = await open_window()
    wire = await a.intercept()
    loaded: list[str] = []
    a.page.on("request", lambda request: loaded.append(request.url.rsplit("/", 1)[-1]))
    await a.enter(sid)
    assert not {"code.js", "highlight.js", "maths.js"} & set(loaded)
    wire.route.send(event("llm.response", "9999999999999-1", text=CODE, finish_reason="stop", model="test"))
    await expect(a.texts.locator(".hljs-built_in")).to_have_text("print")
    assert "highlight.js" in loaded
    assert "maths.js" not in loaded
    wire.route.send(event("llm.response", "9999999999999-2", text=FORMULA, finish_reason="stop", model="test"))
    await expect(a.texts.locator("math")).to_have_count(3)
    await expect(a.texts.locator("math[display=block] mfrac")).to_have_count(1)


async def test_a_long_formula_scrolls_and_does_not_widen_the_room(
    open_window: OpenWindow, store: "redis.Redis", sid: str
) -> None:
    terms = " + ".join(f"x_{{{number}}}^2" for number in range(24))
    for text in (f"is ${terms}$,", f"$$\n{terms}\n$$", f"- item ${terms}$\n\n| a |\n| - |\n| ${terms}$ |", "$y_q$ y"):
        _store(store, sid, "chat.message", text=text)
    a = await open_window(viewport={"width": 390, "height": 844})
    await a.enter(sid)
    await expect(a.texts.locator("math")).to_have_count(5)
    assert await a.page.locator(".timeline").evaluate("pane => pane.scrollWidth - pane.clientWidth") == 0
    baselines = """text => {
        const [formula, words] = text.firstChild.childNodes
        const range = new Range()
        range.selectNode(words)
        return [formula.querySelector("mi"), range].map((one) => one.getBoundingClientRect().bottom)
    }"""
    formula, words = await a.texts.last.evaluate(baselines)
    assert abs(formula - words) < 5


async def test_messages_and_code_are_copied_as_they_were_written(
    open_window: OpenWindow, store: "redis.Redis", sid: str
) -> None:
    text = f"**see** &lt;\n\n{CODE}"
    _store(store, sid, "chat.message", text=text)
    a = await open_window(permissions=["clipboard-read", "clipboard-write"])
    await a.enter(sid)
    for button, copied in (("Copy message", text), ("Copy code", "print(1)")):
        await a.page.get_by_role("button", name=button).click()
        await expect(a.page.get_by_role("button", name="Copied")).to_be_visible()
        assert await a.page.evaluate("navigator.clipboard.readText()") == copied
        await expect(a.page.get_by_role("button", name=button)).to_be_visible()


@pytest.mark.parametrize(("end", "button"), [("llm.response", "Answer again"), ("llm.error", "Try again")])
async def test_a_request_can_be_sent_again_from_its_answer(
    open_window: OpenWindow, store: "redis.Redis", sid: str, end: str, button: str
) -> None:
    request = _store(store, sid, "llm.request", prompt="**why**?")
    _store(store, sid, end, request_id=request, reply_id="r", text="so", code="timeout", finish_reason="stop")
    a = await open_window()
    wire = await a.intercept()
    await a.enter(sid)
    asked = sent(wire, "llm.request")
    await a.page.get_by_role("button", name=button).click()
    assert (await asked.get())["bd"] == {"prompt": "**why**?"}


async def test_an_answer_whose_request_is_not_on_the_page_says_so(
    open_window: OpenWindow, store: "redis.Redis", sid: str
) -> None:
    _store(store, sid, "llm.response", request_id="1-0", reply_id="r", text="so", finish_reason="stop")
    a = await open_window()
    await a.enter(sid)
    await a.page.get_by_role("button", name="Answer again").click()
    await expect(a.page.locator(".timeline__problem").first).to_contain_text("The question is not on this page.")


async def test_finished_blocks_of_a_growing_answer_stay_as_they_are(open_window: OpenWindow, sid: str) -> None:
    a = await open_window()
    wire = await a.intercept()
    await a.enter(sid)
    text = "# Title\n\nfirst **bold**\n\n- one\n- two\n\n```js\nlet a = 1\n```\n\nend"
    parts = ["# Title\n\nfirst **bold**\n\n- one\n", "- two\n\n```js\nlet a", " = 1\n```\n\nen"]
    offset = 0
    for part in parts:
        wire.route.send(piece(attempt=1, offset=offset, text=part))
        offset += len(part)
        await expect(a.growing).to_contain_text(part.strip().splitlines()[-1].removeprefix("- "))
        if part is parts[0]:
            await a.page.evaluate(
                "document.querySelectorAll('.timeline__growing :is(h2, p, li)').forEach(e => e.kept = true)"
            )
        if part is parts[1]:
            await expect(a.growing.locator(".code code")).to_have_text("let a")  # before its fence is closed
    wire.route.send(event("llm.response", "5-0", text=text, finish_reason="stop", model="test"))
    await expect(a.answers).to_have_count(1)
    assert await a.answers.evaluate("answer => ['h2', 'p', 'li'].every(name => answer.querySelector(name).kept)")
    assert await a.answers.locator("> *").evaluate_all("all => all.map(({ localName }) => localName)") == [
        "h2", "p", "ul", "div", "p",
    ]  # fmt: skip


async def test_an_answer_is_the_same_however_it_has_grown(open_window: OpenWindow, sid: str) -> None:
    a = await open_window()
    await a.enter(sid)
    texts = [
        "plan\n\n| a | b |\n| - | - |\n| 1 | 2 |\n\nend",
        "one\n\n\ntwo\n\n- three\n\nfour\n===\n\n> five",
        CODE + "\n\nx",
        "**a *b\n\n- **c** **d ***e*** [*f](https://a.com)\n\n**g",
        "- a `b`\n  1. c **d\n- e** f\n\n| g |\n| - |\n| h $x^2$ |\n| i | j |\n\n$$y$$ $$\nz\n$$",
    ]
    grown = await a.page.evaluate(GROW, texts)
    assert [[text, shown] for text, shown, whole in grown if shown != whole] == []


async def test_a_marker_that_may_become_anything_is_not_shown_while_an_answer_grows(
    open_window: OpenWindow, sid: str
) -> None:
    a = await open_window()
    wire = await a.enter_intercepted(sid)
    for offset, text in [(0, "one\n\n"), (5, "-"), (6, " two\n\n"), (12, "##"), (14, " three")]:
        wire.route.send(piece(attempt=1, offset=offset, text=text))
    await expect(a.growing.locator("h2")).to_have_text("three")
    await expect(a.growing.locator("li")).to_have_text("two")
    assert not [step for step in await a.growth() if step.endswith(("-", "#"))]


async def test_a_link_that_is_not_complete_takes_no_room_while_an_answer_grows(
    open_window: OpenWindow, sid: str
) -> None:
    a = await open_window()
    wire = await a.enter_intercepted(sid)
    offset = 0
    for text in ("see [the ", "docs](", "https://example.org/a_(b", ")/very/long", ") and `x[0](y`"):
        wire.route.send(piece(attempt=1, offset=offset, text=text))
        offset += len(text)
        await expect(a.growing).to_contain_text("see [the" if offset < 10 else "docs")
    await expect(a.growing).to_have_text("see the docs (example.org) and x[0](y")
    assert not [step for step in await a.growth() if "(http" in step or "very" in step]


async def test_bold_text_is_bold_before_its_end_has_arrived(open_window: OpenWindow, sid: str) -> None:
    a = await open_window()
    wire = await a.enter_intercepted(sid)
    offset = 0
    strong = a.growing.locator("strong")
    steps = [
        ("1. **", []),
        ("제", ["제"]),
        ("목 `a", ["제목 `a"]),
        ("`*", ["제목 a"]),
        ("*은 ***x", ["제목 a", "x"]),
        ("***, 2 *", ["제목 a", "x"]),
        (" 3", ["제목 a", "x"]),
    ]
    for text, bold in steps:
        wire.route.send(piece(attempt=1, offset=offset, text=text))
        offset += len(text)
        await expect(strong).to_have_text(bold)
    await expect(a.growing).to_have_text("제목 a은 x, 2 * 3")
    assert not [step for step in await a.growth() if "**" in step or "1." in step]


UNITS = [
    "[",
    "*a ",
    "> ",
    "- a\n",
    "|a",
    "a|b\n-|-\n",
    "`a",
    "$a ",
    "\\[\n",
    "[a](",
    "~~a ",
    "|`",
    "[a](h(",
    "a:",
    "**a ",
]


@pytest.mark.parametrize("unit", UNITS)
async def test_no_text_keeps_the_page_busy(open_window: OpenWindow, sid: str, unit: str) -> None:
    a = await open_window()
    wire = await a.intercept()
    await a.enter(sid)
    text = (unit * 20_000)[:20_000]
    wire.route.send(piece(attempt=1, offset=0, text=text))
    wire.route.send(event("llm.response", "5-0", text=text, finish_reason="stop", model="test"))
    wire.route.send(event("chat.message", "6-0", "5-0", text="and on"))
    await expect(a.texts.last).to_have_text("and on")


async def _html(window: Window) -> list[str]:
    await expect(window.texts.last).not_to_be_empty()
    html: list[str] = await window.texts.evaluate_all("elements => elements.map(({ innerHTML }) => innerHTML)")
    return html


def _store(store: "redis.Redis", sid: str, name: str, **bd: str) -> str:
    """Store an event, and return its id."""
    role = "llm" if name in ("llm.response", "llm.error") else "B"
    body = json.dumps({"hd": {"event": name, "role": role, "sid": sid}, "bd": bd})
    return str(store.xadd(f"chat:session:{sid}", {"participant": role, "body": body}))
