"""Filters as a site writes them."""

import asyncio

from doqchat.filters import Message, Rejected


async def no_tea(message: Message) -> str | None:
    if "tea" in message.text:
        raise Rejected("Tea is not allowed here.")
    return None


def louder(message: Message) -> str | None:
    """Replaces a word, and shows what the filters before have left."""
    return message.text.replace("quiet", "LOUD") if "quiet" in message.text else None


def no_coffee_from_the_model(message: Message) -> str | None:
    if message.role == "llm" and "coffee" in message.text:
        raise Rejected("The assistant does not speak of coffee.")
    return None


def louder_water_from_the_model(message: Message) -> str | None:
    return message.text.replace("water", "WATER") if message.role == "llm" else None


def failing(message: Message) -> str | None:
    """Raises the text itself, or returns what a filter must not."""
    if "raise" in message.text:
        raise ValueError(message.text)
    if "empty" in message.text:
        return ""
    if "number" in message.text:
        return 5  # type: ignore[return-value]
    return "x" * 8_001 if "long" in message.text else None


async def hanging(message: Message) -> str | None:
    if "hang" in message.text:
        await asyncio.sleep(3600)
    return None


class Ending:
    """Adds an ending."""

    def __init__(self, ending: str = "!") -> None:
        if not ending:
            raise ValueError("the ending is empty")
        self.ending = ending

    def __call__(self, message: Message) -> str | None:
        return message.text + self.ending


WORD = "not a filter"
