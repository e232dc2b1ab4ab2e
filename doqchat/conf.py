"""The engine's view of Django's settings."""

from typing import Annotated

from django.conf import settings
from pydantic import BaseModel, ConfigDict, Field

_Count = Annotated[int, Field(ge=1)]


class ReplySettings(BaseModel):
    """`DOQCHAT_REPLIES`: how replies are written, and how many may be asked for.

    Attributes:
        system: instructions of the site for its models, in addition to those of doqchat/llm/context.py.
        gather_seconds: how long the pieces of a reply are gathered before they are shown together.
        at_once: how many replies of each model one worker writes at the same time, in the sessions of one server.
        requests_a_minute: of one session, automatic replies included; None for no limit.
        requests_a_minute_of_a_role: of one role in one session; None for no limit.
        under_way: replies of one session that nobody has finished, those in line included; None for no limit.
        under_way_of_a_role: of those, the ones that one role has asked for; None for no limit.
        tokens_a_day: input and output tokens of the whole site in a day of UTC; None for no budget.
    """

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, alias_generator=str.upper)

    system: Annotated[str, Field(min_length=1)] | None
    gather_seconds: Annotated[float, Field(ge=0, le=1)]
    at_once: _Count
    requests_a_minute: _Count | None
    requests_a_minute_of_a_role: _Count | None
    under_way: _Count | None
    under_way_of_a_role: _Count | None
    tokens_a_day: _Count | None


def store_urls() -> list[str]:
    """The URLs of the Redis or Valkey servers that hold the sessions; one for each shard."""
    return list(settings.STORE_URLS)


def reply_settings() -> ReplySettings:
    """How replies are written; raises pydantic's ValidationError for settings that `manage.py check` refuses."""
    return ReplySettings.model_validate(settings.DOQCHAT_REPLIES)
