"""API keys, with which other backends call the HTTP API."""

from secrets import token_urlsafe

from django.core.exceptions import ValidationError
from django.utils import timezone

from chat.models import ApiKey, digest_of
from doqchat.access.tokens import API_KEY_PREFIX
from doqchat.errors import Forbidden, Unauthenticated

SECRET_BYTES = 32


def new_secret() -> str:
    """The secret of a new key."""
    return API_KEY_PREFIX + token_urlsafe(SECRET_BYTES)


def create(name: str, scopes: str) -> str:
    """Store a new key, and return its secret.

    Raises ValueError with a sentence for an invalid or used name, or an unknown scope.
    """
    secret = new_secret()
    key = ApiKey(name=name, scopes=scopes, digest=digest_of(secret))
    try:
        key.full_clean()
    except ValidationError as error:
        raise ValueError(" ".join(error.messages)) from error
    key.save(force_insert=True)
    return secret


def revoke(name: str) -> bool:
    """Revoke the key with this name; returns whether there was one."""
    return bool(ApiKey.objects.filter(name=name, revoked_at=None).update(revoked_at=timezone.now()))


async def require_scope(secret: str, scope: ApiKey.Scope) -> ApiKey:
    """The key that is presented.

    Raises:
        Unauthenticated: there is no such key, or it is revoked.
        Forbidden: it does not have the scope.
    """
    key = await ApiKey.objects.filter(digest=digest_of(secret), revoked_at=None).afirst()
    if key is None:
        raise Unauthenticated("There is no such API key, or it was revoked.")
    if scope not in key.scopes.split():
        raise Forbidden(f"This requires an API key with the scope {scope.value}.")
    return key
