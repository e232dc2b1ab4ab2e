"""Texts that try to run a script or to load something, and what a browser shows of them."""

import json
from pathlib import Path
from typing import Any

from playwright.async_api import Page, Request

VECTORS: list[str] = [json.loads(line) for line in Path(__file__).with_name("vectors.jsonl").read_text().splitlines()]

LOADING = "script[src^=http], img[src^=http], svg, iframe, object, embed, style, form, input, video, audio"
"""The elements that could load or send something, as a selector."""

WATCH = """
    window.attacks = []
    for (const name of ["alert", "confirm", "prompt", "print", "open"]) window[name] = () => attacks.push(name)
    addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI, sample }) =>
        attacks.push(`${violatedDirective} ${blockedURI} ${sample}`))
"""

MATHML = (
    "math menclose mfrac mi mmultiscripts mn mo mover mpadded mphantom mprescripts mroot mrow ms mspace msqrt mstyle "
    "msub msubsup msup mtable mtd mtext mtr munder munderover none semantics"
)
ALLOWED = {
    "tags": "a blockquote button code div em h2 h3 h4 h5 h6 hr li ol p pre s span strong table tbody td th thead tr ul",
    "attributes": (
        "aria-label class data-align data-language data-maths data-task href rel tabindex target title type value"
    ),
    "maths": MATHML,
    "schemes": "http: https: mailto: tel:",
}
STRANGERS = """(allowed) => {
    const list = (key) => allowed[key].split(" ")
    const [tags, attributes, maths, schemes] = [list("tags"), list("attributes"), list("maths"), list("schemes")]
    const found = []
    for (const element of document.querySelectorAll(".message *")) {
        if (!element.closest(".message__text") || element.matches(".message__text")) continue
        const inMaths = element.namespaceURI.endsWith("MathML")
        if (!(inMaths ? maths : tags).includes(element.localName)) found.push(element.outerHTML)
        for (const { name, value } of element.attributes) {
            if (inMaths ? /^on|href|src|^id$/.test(name) || /url|position/.test(value) : !attributes.includes(name)) {
                found.push(`${name} of ${element.outerHTML}`)
            }
        }
        const { protocol, rel = "", target } = element
        const safe = schemes.includes(protocol) && rel.includes("noopener") && target === "_blank"
        if (element.matches("a") && !safe) found.push(element.outerHTML)
    }
    const others = document.querySelectorAll(".message :is(script, img, svg, iframe, style, object, form, input)")
    for (const element of others) found.push(element.outerHTML)
    return [...attacks, ...found]
}"""


class Guard:
    """Watches a page for scripts that ran, requests to other sites, and elements that no text may make."""

    def __init__(self, page: Page, base: str) -> None:
        self._page = page
        self._base = base
        self._left: list[str] = []
        page.on("request", self._note)

    async def watch(self) -> None:
        """Before the page is opened."""
        await self._page.add_init_script(WATCH)

    async def found(self) -> list[str]:
        """All that should not have happened."""
        strangers: list[Any] = await self._page.evaluate(STRANGERS, ALLOWED)
        return [*self._left, *map(str, strangers)]

    def _note(self, request: Request) -> None:
        if not request.url.startswith((self._base, "data:image/svg+xml")):
            self._left.append(request.url)
