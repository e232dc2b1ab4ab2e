"""Tokens: JSON Web Tokens (RFC 7519) that name a session and say who somebody is there, and what they may do."""

import re
import time
import uuid
from collections.abc import Sequence
from typing import Annotated, Any

import jwt
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from doqchat.access.keys import shared_key
from doqchat.access.principal import Capability, Principal
from doqchat.errors import Unauthenticated
from doqchat.protocol.names import OBSERVER, SID_PATTERN, MemberRole
from doqchat.protocol.person_names import Name

AUDIENCE = "doqchat"
"""What `aud` has to be, or to have in it, where a token has one."""

LOOKS_LIKE_TOKEN = re.compile(r"\beyJ[\w-]+\.[\w.-]*")
"""What may be a token in a text: a JSON object in base64url, a dot, and what follows."""

LEEWAY_SECONDS = 30
"""By how much the clocks of an issuer and of doqchat may differ."""

_SPEAKS: frozenset[Capability] = frozenset({"read", "send", "ask", "cancel"})
_WATCHES: frozenset[Capability] = frozenset({"read"})
_Printable = Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=r"^[^\x00-\x1f\x7f]*$")]
_Time = Annotated[float, Field(allow_inf_nan=False)]


class Claims(BaseModel):
    """What a token says. Further claims are the issuer's own.

    Attributes:
        sid: the session.
        role: who its holder is there.
        exp, iat: when it ends, and when it was issued, in seconds since 1970.
        sub: who its holder is to the issuer.
        name: what others see them called.
        jti: the token's own name.
        can: what its holder may do; None for what the role may.
        aud: whom it is for.
    """

    model_config = ConfigDict(strict=True, frozen=True)

    sid: Annotated[str, StringConstraints(pattern=SID_PATTERN)]
    role: MemberRole
    exp: _Time
    iat: _Time | None = None
    sub: _Printable | None = None
    name: Annotated[Name, StringConstraints(min_length=1)] | None = None
    jti: _Printable | None = None
    can: list[Capability] | None = None
    aud: str | list[str] | None = None

    @model_validator(mode="after")
    def _fits(self) -> "Claims":
        if self.aud is not None and AUDIENCE not in ([self.aud] if isinstance(self.aud, str) else self.aud):
            raise ValueError(f"aud: the token is not for {AUDIENCE}")
        if self.role == OBSERVER and {"send", "ask"} & set(self.can or ()):
            raise ValueError("can: an observer cannot send or ask")
        return self

    def principal(self) -> Principal:
        """The token's holder."""
        usual = _WATCHES if self.role == OBSERVER else _SPEAKS
        can = usual if self.can is None else frozenset(self.can)
        return Principal(
            self.sid,
            self.role,
            can,
            self.name,
            subject=self.sub,
            token_id=self.jti,
            issued=self.iat,
            expires=self.exp,
        )


def header_of(token: str) -> tuple[str, str | None]:
    """What a token's header names: the algorithm and, where there is one, the key. Nothing is verified yet.

    Raises Unauthenticated.
    """
    try:
        header = jwt.get_unverified_header(token)
        return str(header["alg"]), header.get("kid")
    except Exception:  # whatever is in it: it comes from anybody
        raise Unauthenticated("The token is malformed.") from None


def verify(token: str, keys: Sequence[jwt.PyJWK]) -> Claims:
    """The claims of a token that one of the keys verifies, by the key's own algorithm.

    Raises:
        Unauthenticated: none does, or the token is not valid now, or its claims cannot be used. Nothing of the token
            is in the message.
    """
    for key in keys:
        try:
            decoded = _decoded(token, key)
        except (jwt.InvalidSignatureError, jwt.InvalidAlgorithmError):
            continue
        try:
            return Claims.model_validate(decoded)
        except ValidationError as error:
            raise Unauthenticated(f"The token's claims cannot be used: {_reason(error)}.") from None
    raise Unauthenticated("The token is not signed with a key and algorithm of this server.")


def mint(key: str, claims: dict[str, Any], seconds: float) -> str:
    """A token signed by HS256, which is valid from now on.

    Args:
        key: the key.
        claims: `sid`, `role` and optional ones.
        seconds: how long it is valid.

    Raises ValueError for claims that cannot be used.
    """
    now = int(time.time())
    complete = {"aud": AUDIENCE, "iat": now, "exp": now + int(seconds), "jti": uuid.uuid4().hex, **claims}
    try:
        Claims.model_validate(complete)
    except ValidationError as error:
        raise ValueError(_reason(error)) from None
    return jwt.encode(complete, shared_key(key), algorithm="HS256")


def _decoded(token: str, key: jwt.PyJWK) -> dict[str, Any]:
    try:
        return jwt.decode(
            token,
            key,
            algorithms=[key.algorithm_name],
            leeway=LEEWAY_SECONDS,
            options={"require": ["exp"], "verify_aud": False},  # Claims looks at `aud`: not every token needs one
        )
    except (jwt.InvalidSignatureError, jwt.InvalidAlgorithmError):
        raise
    except jwt.ExpiredSignatureError:
        raise Unauthenticated("The token has expired; get a new one.") from None
    except jwt.ImmatureSignatureError:
        raise Unauthenticated(
            "The token is not valid yet; compare the clocks of its issuer and of this server."
        ) from None
    except jwt.MissingRequiredClaimError:
        raise Unauthenticated("The token's claims cannot be used: exp is required.") from None
    except Exception:  # whatever is in it: it comes from anybody
        raise Unauthenticated("The token is malformed.") from None


def _reason(error: ValidationError) -> str:
    """The first claim that cannot be used, and why; values are left out."""
    problem = error.errors(include_url=False, include_input=False, include_context=False)[0]
    place = ".".join(str(step) for step in problem["loc"])
    reason = str(problem["msg"]).removeprefix("Value error, ")
    return f"{place}: {reason[0].lower()}{reason[1:]}" if place else reason
