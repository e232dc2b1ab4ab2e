"""Signatures are those of Standard Webhooks."""

from typing import Any

import pytest

from chat.webhooks import signature

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def test_a_signature_is_that_of_the_reference_implementation() -> None:
    """The values are those of its tests.

    https://github.com/standard-webhooks/standard-webhooks/blob/main/libraries/python/tests/test_webhooks.py
    """
    headers = signature.headers([SECRET], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_two_secrets_make_two_signatures() -> None:
    one, other = (
        signature.headers([key], "m", 1, b"{}")["webhook-signature"]
        for key in (SECRET, signature.secret_of(signature.new_seed()))
    )
    new = signature.secret_of(signature.new_seed())
    both = signature.headers([new, SECRET], "m", 1, b"{}")["webhook-signature"].split()
    assert both[1] == one != other
    assert len(both) == 2


@pytest.mark.parametrize("secret", ["MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_", "whsec_!", "whsec_c2hvcnQ="])
def test_an_invalid_secret_is_refused(secret: str) -> None:
    with pytest.raises(ValueError, match=r"secret|base64|Only base64"):
        signature.key_of(secret)


def test_a_secret_is_derived_from_its_seed_and_the_secret_key(settings: Any) -> None:
    seed = signature.new_seed()
    secret = signature.secret_of(seed)
    assert signature.secret_of(seed) == secret
    assert seed not in secret
    assert len(signature.key_of(secret)) == 32
    settings.SECRET_KEY = "another secret key of the site"
    assert signature.secret_of(seed) != secret


def test_a_secret_that_an_older_version_has_stored_stays_valid() -> None:
    assert signature.secret_of(SECRET) == SECRET
