"""Every backend that asks a provider, through its real SDK, and the stand-in that it asks."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from doqchat.llm.base import LLMError
from doqchat.llm.google_genai import GoogleGenAI
from doqchat.llm.google_generativeai import GoogleGenerativeAI
from doqchat.llm.openai import OpenAI
from doqchat.llm.provider import ProviderLLM
from tests.stand_ins.gemini import GeminiStandIn
from tests.stand_ins.hostile import HostileStandIn
from tests.stand_ins.openai import OpenAIStandIn
from tests.stand_ins.provider import ProviderStandIn

MakeModel = Callable[..., ProviderLLM]
USUAL_ANSWER = "조각 1 🙂 조각 2 🙂 조각 3 🙂 "

STAND_INS: dict[type[ProviderLLM], type[ProviderStandIn]] = {
    GoogleGenAI: GeminiStandIn,
    GoogleGenerativeAI: GeminiStandIn,
    OpenAI: OpenAIStandIn,
}


async def error_of(model: ProviderLLM, prompt: str) -> LLMError:
    """The error that a prompt ends in."""
    with pytest.raises(LLMError) as caught:
        await model.generate(prompt)
    return caught.value


@pytest.fixture(params=STAND_INS, ids=lambda backend: backend.__name__)
def backend(request: pytest.FixtureRequest) -> type[ProviderLLM]:
    """Each backend in turn; a test of some of them names those by parametrizing `backend`."""
    made: type[ProviderLLM] = request.param
    return made


@pytest.fixture
async def provider(backend: type[ProviderLLM]) -> AsyncIterator[ProviderStandIn]:
    """The stand-in that the backend talks to."""
    async with STAND_INS[backend]() as server:
        yield server


@pytest.fixture
def make_model(backend: type[ProviderLLM], provider: ProviderStandIn) -> MakeModel:
    """Makes a model with options that differ from the test's usual ones."""

    def make(**options: Any) -> ProviderLLM:
        usual = {"MODEL": "model-test", "API_KEY": "right-key", "BASE_URL": provider.url, "RETRY_SECONDS": 0.01}
        return backend("tested", {**usual, **options})

    return make


@pytest.fixture
def model(make_model: MakeModel) -> ProviderLLM:
    return make_model()


@pytest.fixture
async def hostile() -> AsyncIterator[HostileStandIn]:
    async with HostileStandIn() as server:
        yield server


@pytest.fixture
def asking(backend: type[ProviderLLM], hostile: HostileStandIn) -> ProviderLLM:
    """A model of that server."""
    address = hostile.origin + STAND_INS[backend].base_path
    options = {"MODEL": "m", "API_KEY": "right-key", "BASE_URL": address, "RETRIES": 0}
    return backend("tested", options)
