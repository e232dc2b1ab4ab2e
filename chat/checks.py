"""System checks of the settings, with hints how to fix them."""

import os
from collections.abc import Iterator
from contextlib import suppress
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.checks import ERROR, WARNING, CheckMessage, Error, register, run_checks
from django.core.exceptions import ImproperlyConfigured
from django.http.request import split_domain_port

from chat.access.origins import unusable as unusable_origin
from doqchat.access.authorization import function_at
from doqchat.access.published_keys import is_url, read_keys
from doqchat.conf import KEPT_KEY, Settings, access_mode, doqchat_settings, is_public, token_key
from doqchat.fanout.layer import SessionChannelLayer
from doqchat.filters.configured import problems as filter_problems
from doqchat.llm.checks import problems as llm_problems

TAG = "doqchat"


def require_usable_settings() -> None:
    """Run the checks of this module, for processes in which Django does not run them.

    Raises ImproperlyConfigured with all errors.
    """
    found = [problem for problem in run_checks(tags=[TAG]) if problem.is_serious(ERROR)]
    if found:
        raise ImproperlyConfigured(" ".join(str(problem.msg) for problem in found))


@register(TAG)
def usable(**kwargs: Any) -> list[CheckMessage]:
    """Errors in the setting DOQCHAT and in the channel layer that it names."""
    try:
        doqchat = doqchat_settings()
    except ImproperlyConfigured as error:
        return [Error(str(error), hint="docs/en/integrating.md lists its keys.", id="doqchat.E003")]
    found = (_problems, _hosts, _access, _tokens, _authorize, _filters, _models, _layer, _data_directory)
    return [problem for check in found for problem in check(doqchat)]


def _problems(doqchat: Settings) -> Iterator[CheckMessage]:
    """Errors that the settings module has found, such as invalid environment variables."""
    hint = "Correct it in the environment or in .env; .env.example explains each."
    return (Error(problem, hint=hint, id="doqchat.E001") for _, problem in doqchat.problems)


def _hosts(doqchat: Settings) -> Iterator[CheckMessage]:
    """Hosts, origins and proxies that admit too much, or that match nothing."""
    listed = {"DOQCHAT_ORIGINS": doqchat.origins, "DOQCHAT_EMBED_ORIGINS": doqchat.embed_origins}
    for name, text in ((name, text) for name, texts in listed.items() for text in texts):
        if hint := unusable_origin(text):
            yield Error(f"{name} has {text!r}, which is not the origin of any page.", hint=hint, id="doqchat.E004")
    for text in doqchat.proxies:
        if not _names_peers(text) and doqchat.proxies != ["*"]:
            problem = f"PROXIES (FORWARDED_ALLOW_IPS) has {text!r}, which matches no proxy."
            hint = "Write IP addresses, and networks without host bits such as 10.0.0.0/8; or nothing but *."
            yield Error(problem, hint=hint, id="doqchat.E011")
    for text in settings.ALLOWED_HOSTS:
        if text != "*" and split_domain_port(text.removeprefix(".")) != (text.removeprefix(".").lower(), ""):
            problem = f"ALLOWED_HOSTS has {text!r}, which matches no Host."
            hint = "Write host names without scheme, port and path, .example.org for all its subdomains, or [::1]."
            yield CheckMessage(WARNING, problem, hint=hint, id="doqchat.W002")
    if "*" in settings.ALLOWED_HOSTS:
        problem = "ALLOWED_HOSTS has *, so pages of any site that resolves to this server can join sessions."
        hint = "Name the site's own hosts, as in ALLOWED_HOSTS=chat.example.org."
        yield CheckMessage(WARNING, problem, hint=hint, id="doqchat.W001")


def _names_peers(text: str) -> bool:
    """Whether an entry of PROXIES is an address or a network; uvicorn compares everything else as text."""
    with suppress(ValueError):
        return bool(ip_network(text) if "/" in text else ip_address(text))
    return False


def _access(doqchat: Settings) -> Iterator[CheckMessage]:
    """Open access by default, because of DEBUG, on a site that other machines can reach."""
    if doqchat.access is None and access_mode() == "open" and is_public(doqchat):
        problem = "Other machines can reach this site, and everyone who knows a session's name could join it."
        hint = "Set DOQCHAT_ACCESS to token or, if that is intended, to open; see docs/en/access.md."
        yield Error(problem, hint=hint, id="doqchat.E007")


def _tokens(doqchat: Settings) -> Iterator[CheckMessage]:
    """Invalid token keys; a URL is not fetched."""
    if access_mode() == "open":
        return
    if doqchat.token_key is None and (doqchat.data_dir / KEPT_KEY).exists():
        try:
            token_key()
        except (OSError, ValueError) as error:
            problem = f"The token key in {doqchat.data_dir / KEPT_KEY} is invalid: {error}."
            yield Error(problem, hint="Delete the file to have a new key generated.", id="doqchat.E008")
    if doqchat.token_jwks and not is_url(doqchat.token_jwks):
        try:
            read_keys(doqchat.token_jwks)
        except (OSError, ValueError) as error:
            problem = f"The keys in DOQCHAT_TOKEN_JWKS cannot be used: {error}."
            yield Error(
                problem, hint="Name a file with a JWK Set that has a key for RS256 or EdDSA.", id="doqchat.E008"
            )


def _filters(doqchat: Settings) -> Iterator[CheckMessage]:
    """Filters that do not exist, or refuse their options."""
    hint = "Name functions or classes by their dotted paths in DOQCHAT_FILTERS; see docs/en/filters.md."
    return (Error(problem, hint=hint, id="doqchat.E009") for problem in filter_problems(doqchat.filters))


def _authorize(doqchat: Settings) -> Iterator[CheckMessage]:
    """A function for signed-in users that cannot be imported or called, or that is not used."""
    if doqchat.authorize is None:
        return
    if access_mode() == "open":
        problem = "AUTHORIZE is set, but access is open: the function is not used, and everyone may join."
        yield Error(problem, hint="Set DOQCHAT_ACCESS to token, or remove AUTHORIZE.", id="doqchat.E010")
        return
    try:
        function_at(doqchat.authorize)
    except Exception as error:  # ImportError, or any exception that the imported module raises
        problem = f"AUTHORIZE names {doqchat.authorize!r}, which cannot be used: {error}."
        hint = "Give the dotted path of a function authorize(user, sid); see docs/en/django.md."
        yield Error(problem, hint=hint, id="doqchat.E010")


def _models(doqchat: Settings) -> Iterator[CheckMessage]:
    """Invalid configurations of models."""
    return (Error(problem, hint=hint, id="doqchat.E002") for _, problem, hint in llm_problems(doqchat.llms))


def _layer(doqchat: Settings) -> Iterator[CheckMessage]:
    """A channel layer that is not doqchat's."""
    entry = getattr(settings, "CHANNEL_LAYERS", {}).get(doqchat.channel_layer, {})
    backend = f"{SessionChannelLayer.__module__}.{SessionChannelLayer.__qualname__}"
    if entry.get("BACKEND") != backend:
        problem = f"CHANNEL_LAYERS[{doqchat.channel_layer!r}] is not doqchat's layer."
        hint = f"Give it the BACKEND {backend}, or name another alias as CHANNEL_LAYER in DOQCHAT."
        yield Error(problem, hint=hint, id="doqchat.E006")


def _data_directory(doqchat: Settings) -> Iterator[CheckMessage]:
    """A data directory that is needed but not writable."""
    database, directory = settings.DATABASES["default"], doqchat.data_dir
    keeps_key = access_mode() == "token" and doqchat.token_key is None
    is_used = keeps_key or doqchat.embedded_store or Path(str(database.get("NAME"))).is_relative_to(directory)
    if is_used and not _can_write(directory):
        problem = f"The data directory {directory} is not writable."
        yield Error(problem, hint="Name another with DOQCHAT_DATA_DIR.", id="doqchat.E005")


def _can_write(directory: Path) -> bool:
    """Whether the directory is writable, or can be created."""
    there = next(path for path in (directory, *directory.parents) if path.exists())
    return there.is_dir() and os.access(there, os.W_OK | os.X_OK)
