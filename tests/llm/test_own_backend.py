"""A backend of somebody's own: one method, under the rules of all."""

import json
import logging
from collections.abc import AsyncGenerator, Sequence

import pytest
from pydantic import SecretStr

from doqchat.llm.base import LLM, Finish, LLMError, LLMOptions, Piece, Turn


class Options(LLMOptions):
    API_KEY: SecretStr


class Careless(LLM):
    """Has its key in what it raises, in the form that the prompt asks for."""

    options_model = Options
    options: Options

    async def _open(self, turns: Sequence[Turn], system: str) -> AsyncGenerator[Piece | Finish, None]:
        key = self.options.API_KEY.get_secret_value()
        raise RuntimeError({"plain": key, "in a repr": repr([key]), "in JSON": json.dumps(key)}[turns[-1].text])
        yield Piece("")


@pytest.mark.parametrize("form", ["plain", "in a repr", "in JSON"])
@pytest.mark.parametrize("key", ["a-key", "a\\key'\""])
async def test_whatever_goes_wrong_no_log_shows_the_key(form: str, key: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG), pytest.raises(LLMError) as caught:
        await Careless("own", {"MODEL": "m", "API_KEY": SecretStr(key)}).generate(form)

    assert caught.value.code == "failed"
    assert "RuntimeError" in caplog.text
    shown = caplog.text + str(caught.value)
    assert not [each for each in (key, repr(key)[1:-1], "a-key", "key'") if each in shown]
