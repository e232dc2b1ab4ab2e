"""The setting `DOQCHAT`: a dictionary that says how doqchat runs in a Django project. Every key has a default."""

from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from doqchat.store.urls import check_store_url

_Count = Annotated[int, Field(ge=1)]
_Port = Annotated[int, Field(ge=0, le=65535)]
_Processes = Annotated[int, Field(ge=0, le=64)]
_StoreUrl = Annotated[str, AfterValidator(check_store_url)]


class Section(BaseModel):
    """A dictionary of settings with keys in capitals. Unknown keys are refused."""

    model_config = ConfigDict(
        strict=True, extra="forbid", frozen=True, alias_generator=str.upper, hide_input_in_errors=True
    )


class ReplySettings(Section):
    """`REPLIES`: how replies are written, and how many may be asked for.

    Attributes:
        system: instructions of the site for its models, in addition to those of doqchat/llm/context.py.
        gather_seconds: how long the pieces of a reply are gathered before they are shown together.
        concurrency: how many replies of each model one worker writes at the same time, in the sessions of one server.
        requests_per_minute: of one session, automatic replies included; None for no limit.
        role_requests_per_minute: of one role in one session; None for no limit.
        max_active_replies: replies of one session that nobody has finished, those in line included; None for no limit.
        role_max_active_replies: of those, the ones that one role has asked for; None for no limit.
        tokens_per_day: input and output tokens of the whole site in a day of UTC; None for no budget.
    """

    system: Annotated[str, Field(min_length=1)] | None = None
    gather_seconds: Annotated[float, Field(ge=0, le=1)] = 0.03
    concurrency: _Count = 64
    requests_per_minute: _Count | None = 120
    role_requests_per_minute: _Count | None = 60
    max_active_replies: _Count | None = 20
    role_max_active_replies: _Count | None = 10
    tokens_per_day: _Count | None = None


class EmbeddedStoreSettings(Section):
    """`EMBEDDED_STORE`: the Valkey that `doqchat_up` runs in the folder `valkey` of the data directory.

    Attributes:
        port: where it listens, on loopback.
        memory: bytes that it may use; 0 for any number.
        password: what its clients need; empty for none.
    """

    port: _Port = 6390
    memory: Annotated[int, Field(ge=0)] = 0
    password: str = ""


class Settings(Section):
    """`DOQCHAT` itself.

    Attributes:
        store_urls: the Redis or Valkey servers that hold the sessions; one for each shard.
        channel_layer: the alias in CHANNEL_LAYERS of doqchat's layer.
        llms: the models behind `llms[alias]`, shaped like Django's CACHES; doqchat/llm/checks.py checks them.
        replies: how replies are written.
        origins: origins of other sites whose pages may open a socket.
        host, port: where a web process listens; port 0 takes a free one.
        server: what a web process runs on.
        web_workers, llm_workers: how many processes `doqchat_up` starts.
        address: the URL of the start page, for commands that connect to it; None for this machine, at `port`.
        data_dir: where `doqchat_up` keeps the embedded store, and says where it runs.
        embedded_store: the store that `doqchat_up` runs; None where it is run by somebody else.
        problems: pairs of a name and a sentence, which the system checks report as errors: what the project's
            settings module has found wrong before Django can be asked.
    """

    store_urls: Annotated[list[_StoreUrl], Field(min_length=1)] = ["redis://127.0.0.1:6379/0"]
    channel_layer: str = "default"
    llms: dict[Any, Any] = {"default": {"BACKEND": "doqchat.llm.demo.DemoLLM"}}
    replies: ReplySettings = ReplySettings()
    origins: list[str] = []
    host: str = "127.0.0.1"
    port: _Port = 3000
    server: Literal["uvicorn", "daphne"] = "uvicorn"
    web_workers: Annotated[_Processes, Field(ge=1)] = 1
    llm_workers: _Processes = 1
    address: str | None = None
    data_dir: Annotated[Path, Field(strict=False)] = Path(".data")
    embedded_store: EmbeddedStoreSettings | None = None
    problems: list[tuple[str, str]] = []


@cache
def doqchat_settings() -> Settings:
    """The setting `DOQCHAT`, with defaults for what is left out.

    Raises ImproperlyConfigured with all that is wrong, and without the values: there may be keys among them.
    """
    try:
        return Settings.model_validate(getattr(settings, "DOQCHAT", {}))
    except ValidationError as error:
        faults = error.errors(include_url=False, include_input=False)
        raise ImproperlyConfigured(" ".join(_sentence(fault["loc"], fault["msg"]) for fault in faults)) from None


def _sentence(place: tuple[int | str, ...], message: str) -> str:
    named = "".join(f"[{part!r}]" for part in place)
    reason = message.removeprefix("Value error, ")
    return f"DOQCHAT{named} cannot be used: {reason[0].lower()}{reason[1:]}."


def _forget(*, setting: str, **kwargs: Any) -> None:
    """Read the setting again: a test has changed it."""
    if setting == "DOQCHAT":
        doqchat_settings.cache_clear()


setting_changed.connect(_forget)
