"""The Gemini stand-in, and both backends that talk to it through their real SDKs."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from doqchat.llm.gemini import Gemini
from doqchat.llm.google_genai import GoogleGenAI
from doqchat.llm.google_generativeai import GoogleGenerativeAI
from tests.stand_ins.gemini import GeminiStandIn

MakeModel = Callable[..., Gemini]


@pytest.fixture
async def gemini() -> AsyncIterator[GeminiStandIn]:
    async with GeminiStandIn() as server:
        yield server


@pytest.fixture(params=[GoogleGenAI, GoogleGenerativeAI], ids=["google_genai", "google_generativeai"])
def make_model(request: pytest.FixtureRequest, gemini: GeminiStandIn) -> MakeModel:
    """Makes a model of each backend in turn, with options that differ from the test's usual ones."""

    def make(**options: Any) -> Gemini:
        usual = {"MODEL": "gemini-test", "API_KEY": "right-key", "BASE_URL": gemini.url, "RETRY_SECONDS": 0.01}
        model: Gemini = request.param("tested", {**usual, **options})
        return model

    return make


@pytest.fixture
def model(make_model: MakeModel) -> Gemini:
    return make_model()
