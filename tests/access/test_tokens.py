"""Which tokens are taken, and what they make of their holder."""

import json
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from doqchat.access import published_keys
from doqchat.access.authenticator import Authenticator
from doqchat.access.principal import Principal
from doqchat.access.published_keys import check_source
from doqchat.access.tokens import mint
from doqchat.access.verification_keys import check_token_key, public_keys
from doqchat.errors import Forbidden, InvalidMessage, RoleForbidden, Unauthenticated, Unavailable
from tests.access.credentials import (
    ED25519,
    FOREIGN,
    JWKS,
    PEM,
    RSA,
    SHARED,
    confused,
    public_jwk,
    tampered,
    token,
    unsigned,
)

ROOM = "room"
LEEWAY = 30


@pytest.fixture
def jwks(tmp_path: Path) -> Path:
    file = tmp_path / "jwks.json"
    file.write_text(JWKS)
    return file


@pytest.fixture
def authenticator(jwks: Path) -> Authenticator:
    return Authenticator("token", SHARED, str(jwks))


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"aud": "doqchat"},
        {"aud": ["another", "doqchat"]},
        {"iat": None, "sub": None},
        {"exp": time.time() + 7200.5},
        {"nbf": 0, "iss": "https://backend.example", "email": "a@b.example"},
        {"key": RSA, "alg": "RS256", "kid": "rsa"},
        {"key": RSA, "alg": "RS256"},
        {"key": ED25519, "alg": "EdDSA", "kid": "ed"},
    ],
)
async def test_a_token_that_is_signed_and_valid_is_taken(authenticator: Authenticator, given: dict[str, Any]) -> None:
    principal = await authenticator.principal(ROOM, None, [token(ROOM, **given)])
    assert (principal.sid, principal.role, principal.verified) == (ROOM, "A", True)


@pytest.mark.parametrize(
    ("presented", "reason"),
    [
        ("", "malformed"),
        ("x", "malformed"),
        ("eyJ.eyJ.x", "malformed"),
        ("é" * 100, "malformed"),
        (unsigned(ROOM), "signature, key or algorithm"),
        (confused(ROOM), "signature, key or algorithm"),
        (tampered(ROOM), "signature, key or algorithm"),
        (token(ROOM, key=SHARED.upper()), "signature, key or algorithm"),
        (token(ROOM, alg="HS512"), "signature, key or algorithm"),
        (token(ROOM, key=RSA, alg="RS512", kid="rsa"), "signature, key or algorithm"),
        (token(ROOM, key=FOREIGN, alg="RS256", kid="rsa"), "signature, key or algorithm"),
        (token(ROOM, key=RSA, alg="RS256", kid="ed"), "signature, key or algorithm"),
        (token(ROOM, key=RSA, alg="RS256", kid="new"), "signature, key or algorithm"),
        (token(ROOM, exp=time.time() - LEEWAY - 5), "expired"),
        (token(ROOM, exp=None), "exp"),
        (token(ROOM, exp="soon"), "malformed"),
        (token(ROOM, exp=10**400), "exp"),
        (token(ROOM, iat=time.time() + 7200), "not valid yet"),
        (token(ROOM, nbf=time.time() + 7200), "not valid yet"),
        (token(ROOM, aud="another"), "aud"),
        (token(ROOM, aud=[]), "aud"),
        (token(ROOM, sid="no sid"), "sid"),
        (token(ROOM, sid=None), "sid"),
        (token(ROOM, "llm"), "role"),
        (token(ROOM, "admin"), "role"),
        (token(ROOM, can=["everything"]), "can"),
        (token(ROOM, can="read"), "can"),
        (token(ROOM, "observer", can=["read", "send"]), "can"),
        (token(ROOM, name=""), "name"),
        (token(ROOM, name="x" * 41), "name"),
        (token(ROOM, name="a\nb"), "name"),
        (token(ROOM, jti="x" * 256), "jti"),
    ],
)
async def test_any_other_token_is_refused_without_quoting_it(
    authenticator: Authenticator, presented: str, reason: str
) -> None:
    with pytest.raises(Unauthenticated, match=reason) as refused:
        await authenticator.principal(ROOM, None, [presented])
    assert len(presented) < 4 or presented not in refused.value.message


@pytest.mark.parametrize(("claim", "late"), [("exp", -10), ("iat", 20), ("nbf", 20)])
async def test_the_clocks_may_differ_by_half_a_minute(authenticator: Authenticator, claim: str, late: float) -> None:
    assert await authenticator.principal(ROOM, None, [token(ROOM, **{claim: time.time() + late})])


@pytest.mark.parametrize(
    ("role", "said", "can"),
    [
        ("A", {}, {"read", "send", "ask", "cancel"}),
        ("user", {}, {"read", "send", "ask", "cancel"}),
        ("observer", {}, {"read"}),
        ("observer", {"can": ["read", "moderate"]}, {"read", "moderate"}),
        ("B", {"can": []}, set()),
        ("B", {"can": ["read", "configure"]}, {"read", "configure"}),
    ],
)
async def test_the_role_says_what_is_allowed_unless_the_token_does(
    authenticator: Authenticator, role: str, said: dict[str, Any], can: set[str]
) -> None:
    principal = await authenticator.principal(ROOM, None, [token(ROOM, role, **said)])
    assert principal.can == can


async def test_what_a_token_is_not_for_is_forbidden(authenticator: Authenticator) -> None:
    presented = token(ROOM)
    with pytest.raises(Forbidden):
        await authenticator.principal("another", None, [presented])
    with pytest.raises(RoleForbidden):
        await authenticator.principal(ROOM, "B", [presented])
    with pytest.raises(Unauthenticated):
        await authenticator.principal(ROOM, None, [])


async def test_several_credentials_have_to_agree(authenticator: Authenticator) -> None:
    again = token(ROOM, jti="another", exp=time.time() + 600)
    assert await authenticator.principal(ROOM, None, [token(ROOM), again])
    for other in (token(ROOM, "B"), token("another"), token(ROOM, sub="u-2"), token(ROOM, can=["read"])):
        with pytest.raises(Forbidden, match="conflict"):
            await authenticator.principal(ROOM, None, [token(ROOM), other])
    with pytest.raises(Unauthenticated):
        await authenticator.principal(ROOM, None, [token(ROOM), "x"])


async def test_open_access_asks_for_nothing(authenticator: Authenticator) -> None:
    everybody = Authenticator("open")
    assert not (await everybody.principal(ROOM, None, ["whatever"])).verified
    with pytest.raises(InvalidMessage):
        await everybody.principal(ROOM, "observer", [])


async def test_a_minted_token_is_taken(authenticator: Authenticator) -> None:
    minted = mint(SHARED, {"sid": ROOM, "role": "B", "name": "민지"}, seconds=60)
    principal = await authenticator.principal(ROOM, "B", [minted])
    assert principal == Principal(ROOM, "B", principal.can, "민지")
    with pytest.raises(ValueError, match="sid"):
        mint(SHARED, {"sid": "no sid", "role": "B"}, seconds=60)


async def test_a_key_that_is_published_later_is_found_and_one_that_is_withdrawn_is_not(
    monkeypatch: pytest.MonkeyPatch, jwks: Path
) -> None:
    for limit in ("COOLDOWN_SECONDS", "LIFESPAN_SECONDS"):
        monkeypatch.setattr(published_keys, limit, -1.0)
    authenticator = Authenticator("token", SHARED, str(jwks))
    old, new = token(ROOM, key=RSA, alg="RS256", kid="rsa"), token(ROOM, key=FOREIGN, alg="RS256", kid="new")
    assert await authenticator.principal(ROOM, None, [old])
    jwks.write_text(json.dumps({"keys": [public_jwk(FOREIGN, kid="new")]}))  # noqa: ASYNC240
    assert await authenticator.principal(ROOM, None, [new])
    with pytest.raises(Unauthenticated):
        await authenticator.principal(ROOM, None, [old])


async def test_keys_that_cannot_be_read_again_remain(monkeypatch: pytest.MonkeyPatch, jwks: Path) -> None:
    monkeypatch.setattr(published_keys, "COOLDOWN_SECONDS", -1.0)
    authenticator = Authenticator("token", SHARED, str(jwks))
    presented = token(ROOM, key=RSA, alg="RS256", kid="rsa")
    assert await authenticator.principal(ROOM, None, [presented])
    jwks.unlink()  # noqa: ASYNC240
    with pytest.raises(Unauthenticated):
        await authenticator.principal(ROOM, None, [token(ROOM, key=FOREIGN, alg="RS256", kid="new")])
    assert await authenticator.principal(ROOM, None, [presented])


class Published(BaseHTTPRequestHandler):
    """Serves the keys, and at another path a redirect to them."""

    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/keys" else 302)
        self.send_header("Location", "/keys")
        self.end_headers()
        self.wfile.write(JWKS.encode())

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Nothing."""


@pytest.fixture
def published() -> Iterator[str]:
    """The address of an issuer's server."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Published) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


async def test_keys_are_fetched_from_their_address_and_no_other(published: str) -> None:
    presented = token(ROOM, key=ED25519, alg="EdDSA", kid="ed")
    assert await Authenticator("token", SHARED, f"{published}/keys").principal(ROOM, None, [presented])
    with pytest.raises(Unavailable):
        await Authenticator("token", SHARED, f"{published}/moved").principal(ROOM, None, [presented])


@pytest.mark.parametrize("source", ["http://keys.example.org/", "ftp://127.0.0.1/keys", "file:///etc/keys"])
def test_an_address_that_others_could_answer_is_refused(source: str) -> None:
    with pytest.raises(ValueError, match="https"):
        check_source(source)


async def test_without_any_keys_only_tokens_that_need_them_wait(tmp_path: Path) -> None:
    authenticator = Authenticator("token", SHARED, str(tmp_path / "missing"))
    assert await authenticator.principal(ROOM, None, [token(ROOM)])
    with pytest.raises(Unavailable):
        await authenticator.principal(ROOM, None, [token(ROOM, key=RSA, alg="RS256")])


@pytest.mark.parametrize(
    "document",
    [
        "",
        "[]",
        '{"keys": {}}',
        '{"keys": []}',
        '{"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}',
        json.dumps({"keys": [public_jwk(RSA, use="enc")]}),
        json.dumps({"keys": [public_jwk(RSA, alg="RS512")]}),
    ],
)
def test_a_set_without_a_usable_key_is_refused(document: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - any sentence will do
        public_keys(document)


@pytest.mark.parametrize("secret", ["", "x" * 31, PEM])
def test_what_is_no_shared_key_is_refused(secret: str) -> None:
    with pytest.raises(ValueError, match="token key"):
        check_token_key(secret)
