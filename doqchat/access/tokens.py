"""Tokens: JSON Web Tokens (RFC 7519) for one session, with the role and the capabilities of their holder."""

import re
import time
import uuid
from collections.abc import Sequence
from typing import Annotated, Any

import jwt
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from doqchat.access.principal import Principal, capabilities
from doqchat.access.verification_keys import shared_key
from doqchat.errors import Unauthenticated
from doqchat.protocol.names import SID_PATTERN, Capability, DisplayName, MemberRole

AUDIENCE = "doqchat"
"""The required audience of tokens that have the claim `aud`."""

API_KEY_PREFIX = "dqk_"

LOOKS_LIKE_TOKEN = re.compile(rf"\beyJ[\w-]+\.[\w.-]*|\b{API_KEY_PREFIX}[\w-]+")
"""Matches tokens in a text: a JSON object in base64url, a dot, and the rest; also API keys."""

LEEWAY_SECONDS = 30
"""Tolerated clock skew between an issuer and doqchat."""

_Printable = Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=r"^[^\x00-\x1f\x7f]*$")]
_Time = Annotated[float, Field(allow_inf_nan=False)]


class Claims(BaseModel):
    """The claims of a token; others are ignored.

    Attributes:
        sid: the session.
        role: the role of its holder.
        exp, iat: expiry and issue time, in seconds since 1970.
        sub: the holder's id at the issuer.
        name: the holder's display name.
        jti: the token's id.
        can: the holder's capabilities; None for those of the role.
        aud: the audience.
    """

    model_config = ConfigDict(strict=True, frozen=True)

    sid: Annotated[str, StringConstraints(pattern=SID_PATTERN)]
    role: MemberRole
    exp: _Time
    iat: _Time | None = None
    sub: _Printable | None = None
    name: Annotated[DisplayName, StringConstraints(min_length=1)] | None = None
    jti: _Printable | None = None
    can: list[Capability] | None = None
    aud: str | list[str] | None = None

    @model_validator(mode="after")
    def _fits(self) -> "Claims":
        if self.aud is not None and AUDIENCE not in ([self.aud] if isinstance(self.aud, str) else self.aud):
            raise ValueError(f"aud: the token is not for {AUDIENCE}")
        capabilities(self.role, self.can)
        return self

    def principal(self) -> Principal:
        """The holder of the token."""
        return Principal(
            self.sid,
            self.role,
            capabilities(self.role, self.can),
            self.name,
            subject=self.sub,
            token_id=self.jti,
            issued=self.iat,
            expires=self.exp,
        )


def header_of(token: str) -> tuple[str, str | None]:
    """The `alg` and `kid` of a token's header, unverified.

    Raises Unauthenticated.
    """
    if token.startswith(API_KEY_PREFIX):
        raise Unauthenticated("An API key manages sessions only; this requires a token of the session.")
    try:
        header = jwt.get_unverified_header(token)
        return str(header["alg"]), header.get("kid")
    except Exception:  # untrusted input
        raise Unauthenticated("The token is malformed.") from None


def verify(token: str, keys: Sequence[jwt.PyJWK]) -> Claims:
    """The claims of a token, verified with one of the keys and its algorithm.

    Raises:
        Unauthenticated: the signature, the validity period or a claim is invalid. The message does not contain the
            token.
    """
    for key in keys:
        try:
            decoded = _decoded(token, key)
        except (jwt.InvalidSignatureError, jwt.InvalidAlgorithmError):
            continue
        try:
            return Claims.model_validate(decoded)
        except ValidationError as error:
            raise Unauthenticated(f"The token has an invalid claim: {_reason(error)}.") from None
    raise Unauthenticated("The token's signature, key or algorithm is invalid.")


def mint(key: str, claims: dict[str, Any], seconds: float) -> str:
    """A new token, signed with HS256 and valid from now.

    Args:
        key: the key.
        claims: `sid`, `role` and optional ones.
        seconds: its lifetime.

    Raises ValueError for invalid claims.
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
        raise Unauthenticated("The token has no exp.") from None
    except Exception:  # untrusted input
        raise Unauthenticated("The token is malformed.") from None


def _reason(error: ValidationError) -> str:
    """The first invalid claim and the reason, without values."""
    problem = error.errors(include_url=False, include_input=False, include_context=False)[0]
    place = ".".join(str(step) for step in problem["loc"])
    reason = str(problem["msg"]).removeprefix("Value error, ")
    return f"{place}: {reason[0].lower()}{reason[1:]}" if place else reason
