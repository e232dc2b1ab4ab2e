"""System checks: what is wrong with the settings, and how to mend it."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register

from doqchat.llm.checks import problems as llm_problems


@register()
def environment(**kwargs: Any) -> list[CheckMessage]:
    """Variables of the environment that could not be used."""
    hint = "Correct it in the environment or in .env; .env.example explains each."
    return [Error(problem, hint=hint, id="doqchat.E001") for _, problem in settings.ENVIRONMENT_PROBLEMS]


@register()
def models(**kwargs: Any) -> list[CheckMessage]:
    """Models that are configured wrongly."""
    return [Error(problem, hint=hint, id="doqchat.E002") for _, problem, hint in llm_problems(settings.LLMS)]
