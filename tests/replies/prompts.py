"""Prompts that the model has received."""

from tests.replies.conftest import Site


def last_prompt(site: Site, text: str) -> tuple[str, list[tuple[str, str]]]:
    """The instructions and the turns of the last request to the model that contains the text."""
    body = site.calls(text)[-1]["body"]
    turns = [(turn["role"], "".join(part["text"] for part in turn["parts"])) for turn in body["contents"]]
    return body["systemInstruction"]["parts"][0]["text"], turns
