"""What the model was told."""

from tests.replies.conftest import Site


def told(site: Site, text: str) -> tuple[str, list[tuple[str, str]]]:
    """The instructions and the turns of the last call of the model in which the text is said."""
    body = site.calls(text)[-1]["body"]
    turns = [(turn["role"], "".join(part["text"] for part in turn["parts"])) for turn in body["contents"]]
    return body["systemInstruction"]["parts"][0]["text"], turns
