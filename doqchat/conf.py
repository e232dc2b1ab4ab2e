"""The setting `DOQCHAT`: a dictionary that configures doqchat in a Django project. Every key has a default."""

from contextlib import suppress
from functools import cache
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Literal

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from doqchat.access.authenticator import AccessMode
from doqchat.access.published_keys import check_source
from doqchat.access.verification_keys import check_token_key, kept_secret
from doqchat.protocol.names import MAX_FRAME_BYTES
from doqchat.store.clients import check_store_url

_Count = Annotated[int, Field(ge=1)]
_Size = Annotated[int, Field(ge=MAX_FRAME_BYTES)]
_Port = Annotated[int, Field(ge=0, le=65535)]
_Processes = Annotated[int, Field(ge=0, le=64)]
_StoreUrl = Annotated[str, AfterValidator(check_store_url)]
_TokenKey = Annotated[str, AfterValidator(check_token_key)]
_TokenJwks = Annotated[str, AfterValidator(check_source)]

KEPT_KEY = "token_key"
"""The file of the token key in the data directory."""

_LOCAL_NAMES = {"localhost", ".localhost", "testserver"}
"""Names of this machine in HOST and ALLOWED_HOSTS; Django's tests add the last."""


class Section(BaseModel):
    """A dictionary of settings with keys in capitals. Unknown keys are refused."""

    model_config = ConfigDict(
        strict=True, extra="forbid", frozen=True, alias_generator=str.upper, hide_input_in_errors=True
    )


class ReplySettings(Section):
    """`REPLIES`: how replies are written, and their limits.

    Attributes:
        system: instructions of the site for its models, in addition to those of doqchat/llm/context.py.
        gather_seconds: how long the pieces of a reply are buffered before they are published together.
        concurrency: maximum number of concurrent replies per worker, model and store.
        requests_per_minute: per session, including automatic replies; None for no limit.
        role_requests_per_minute: per role and session; None for no limit.
        max_active_replies: unfinished replies per session, including queued ones; None for no limit.
        role_max_active_replies: the same per role and session; None for no limit.
        tokens_per_day: input and output tokens of the whole site per UTC day; None for no budget.
    """

    system: Annotated[str, Field(min_length=1)] | None = None
    gather_seconds: Annotated[float, Field(ge=0, le=1)] = 0.03
    concurrency: _Count = 64
    requests_per_minute: _Count | None = 120
    role_requests_per_minute: _Count | None = 60
    max_active_replies: _Count | None = 20
    role_max_active_replies: _Count | None = 10
    tokens_per_day: _Count | None = None


class LimitSettings(Section):
    """`LIMITS`: what clients may do; None for no limit. Rates are per minute, as many at once.

    Those of a role and a session are counted by the store for all processes together, the others by each process.
    An address is an IPv4 address or an IPv6 network of 64 bits; trusted proxies have no limits (PROXIES).

    Attributes:
        connection_messages: stored messages and requests of one connection.
        connection_characters: the characters of their frames.
        role_messages: stored messages and requests of a role in a session.
        role_bytes: the size of their envelopes.
        session_messages, session_bytes: the same of the whole session.
        process_connections: open sockets of a process.
        session_connections: open sockets of a session.
        address_connections: open sockets of an address; other connections may be as many again.
        address_handshakes: attempts to open a socket.
        address_sessions: sessions that begin with a message or a join from the address.
        address_history, address_searches, address_exports, address_pages, address_calls: HTTP calls: pages of the
            history; the same with a search; exports; pages of the site; others.
        address_requests: requests to the models.
        person_requests: requests to the models of the holder of a token, in all sessions.
        site_requests: requests to the models of all people together.
    """

    connection_messages: _Count | None = 6_000
    connection_characters: _Size | None = 16 * 2**20
    role_messages: _Count | None = 6_000
    role_bytes: _Size | None = 16 * 2**20
    session_messages: _Count | None = 12_000
    session_bytes: _Size | None = 32 * 2**20
    process_connections: _Count | None = 20_000
    session_connections: _Count | None = 10_000
    address_connections: _Count | None = 128
    address_handshakes: _Count | None = 600
    address_sessions: _Count | None = 60
    address_history: _Count | None = 300
    address_searches: _Count | None = 60
    address_exports: _Count | None = 20
    address_pages: _Count | None = 300
    address_calls: _Count | None = 600
    address_requests: _Count | None = 120
    person_requests: _Count | None = 60
    site_requests: _Count | None = 1_200


class ArchiveSettings(Section):
    """`ARCHIVE`: when events leave the store; the archive in the database has all of them.

    Attributes:
        live_events: number of events of a session that stay in the store.
        live_hours: age of the oldest events that stay in the store; None for any.
        idle_minutes: time without events and connections after which a session leaves the store; None for never.
        retention_days: age after which events are deleted, unless a session has its own or is on legal hold; None for
            never.
    """

    live_events: _Count = 1_000
    live_hours: Annotated[float, Field(gt=0)] | None = 168
    idle_minutes: Annotated[float, Field(gt=0)] | None = 60
    retention_days: Annotated[float, Field(gt=0)] | None = None


class FilterSettings(Section):
    """An entry of `FILTERS`.

    Attributes:
        name: the dotted path of a filter, or of a class whose instances are filters.
        options: the arguments of the class.
    """

    name: Annotated[str, Field(min_length=1)]
    options: dict[str, Any] = {}


class EmbeddedStoreSettings(Section):
    """`EMBEDDED_STORE`: the Valkey that `doqchat_up` runs in the folder `valkey` of the data directory.

    Attributes:
        port: the port on loopback.
        memory: the memory limit in bytes; 0 for no limit.
        password: the password of its clients; empty for none.
    """

    port: _Port = 6390
    memory: Annotated[int, Field(ge=0)] = 0
    password: str = ""


class Settings(Section):
    """`DOQCHAT` itself.

    Attributes:
        store_urls: the Redis or Valkey servers that store the sessions, one per shard.
        channel_layer: the alias of doqchat's layer in CHANNEL_LAYERS.
        llms: the models behind `llms[alias]`, shaped like Django's CACHES; doqchat/llm/checks.py checks them.
        replies: how replies are written.
        limits: what clients may do.
        archive: when events leave the store for the archive; None if all stay in the store.
        filters: what may be said: filters of texts, in their order (doqchat/filters).
        access: who may join a session: `open`, everyone who knows its name; `token`, holders of tokens. None means
            `open` if only this machine can reach the site, or with DEBUG, and otherwise `token`.
        token_key: the HS256 key of tokens; None stores a generated one in the data directory.
        token_jwks: a file or URL with the public keys of another token issuer.
        authorize: the dotted path of a function that gives signed-in users access to sessions, see docs/en/django.md;
            None for tokens only.
        metrics_token: the bearer token with which other machines read `/metrics`; None for only this machine.
        audit_days: days for which the audit trail is kept; None for ever.
        webhook_private_targets: whether webhooks may be sent by plain HTTP, and to private addresses.
        origins: origins of other sites whose pages may open a socket.
        embed_origins: origins of other sites whose pages may show a room in a frame.
        proxies: the addresses and networks of trusted proxies, which send the address of the client.
        host, port: where a web process listens; port 0 picks a free port.
        server: the ASGI server of the web processes.
        web_workers, llm_workers: number of processes that `doqchat_up` starts.
        address: the URL of the home page, for commands that connect to it; None for this machine, at `port`.
        data_dir: where `doqchat_up` keeps the embedded store and the notice of its address.
        embedded_store: the store that `doqchat_up` runs; None for an external one.
        problems: pairs of a name and a sentence: errors that the settings module has found, reported by the system
            checks.
    """

    store_urls: Annotated[list[_StoreUrl], Field(min_length=1)] = ["redis://127.0.0.1:6379/0"]
    channel_layer: str = "default"
    llms: dict[Any, Any] = {"default": {"BACKEND": "doqchat.llm.demo.DemoLLM"}}
    replies: ReplySettings = ReplySettings()
    limits: LimitSettings = LimitSettings()
    archive: ArchiveSettings | None = None
    filters: list[FilterSettings] = []
    access: AccessMode | None = None
    token_key: _TokenKey | None = None
    token_jwks: _TokenJwks | None = None
    authorize: Annotated[str, Field(min_length=1)] | None = None
    metrics_token: Annotated[str, Field(min_length=16)] | None = None
    audit_days: _Count | None = 365
    webhook_private_targets: bool = False
    origins: list[str] = []
    embed_origins: list[str] = []
    proxies: list[str] = ["127.0.0.1", "::1"]
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
    """The setting `DOQCHAT`, with defaults for missing keys.

    Raises ImproperlyConfigured with all errors. They do not contain the values, which may be secret.
    """
    try:
        return Settings.model_validate(getattr(settings, "DOQCHAT", {}))
    except ValidationError as error:
        faults = error.errors(include_url=False, include_input=False)
        raise ImproperlyConfigured(" ".join(_sentence(fault["loc"], fault["msg"]) for fault in faults)) from None


def is_public(doqchat: Settings) -> bool:
    """Whether other machines can reach the site, directly or through a proxy."""
    return not all(map(is_local, (doqchat.host, *settings.ALLOWED_HOSTS)))


def is_local(host: str) -> bool:
    """Whether a host name or address belongs to this machine."""
    with suppress(ValueError):
        return ip_address(host.strip("[]")).is_loopback
    return host in _LOCAL_NAMES


def access_mode() -> AccessMode:
    """The configured access, or the default."""
    doqchat = doqchat_settings()
    return doqchat.access or ("open" if settings.DEBUG or not is_public(doqchat) else "token")


def token_key() -> str:
    """The HS256 key of tokens.

    Raises:
        OSError: the key file can neither be read nor created.
        ValueError: it contains no valid key.
    """
    doqchat = doqchat_settings()
    return doqchat.token_key or check_token_key(kept_secret(doqchat.data_dir / KEPT_KEY))


def _sentence(place: tuple[int | str, ...], message: str) -> str:
    named = "".join(f"[{part!r}]" for part in place)
    reason = message.removeprefix("Value error, ")
    return f"DOQCHAT{named} is invalid: {reason[0].lower()}{reason[1:]}."


def _forget(*, setting: str, **kwargs: Any) -> None:
    """Reload the setting after a test has changed it."""
    if setting == "DOQCHAT":
        doqchat_settings.cache_clear()


setting_changed.connect(_forget)
