"""Scripts use keys of one hash slot only; a store in cluster mode refuses others."""

import re
from pathlib import Path

import pytest
import redis

from doqchat.store import keys, script

SCRIPTS = sorted((Path(script.__file__).parent / "scripts").glob("*.lua"))
ANOTHER = keys.stream("another")


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_each_script_declares_its_flags(path: Path) -> None:
    # Without this line a cluster does not detect undeclared keys.
    assert re.match(r"#!lua( flags=[a-z,-]+)?\n", path.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    "text",
    [
        "#!lua\nredis.call('SET', KEYS[1], 1) return redis.call('SET', KEYS[2], 1)",
        f"#!lua\nredis.call('SET', KEYS[1], 1) return redis.call('SET', '{ANOTHER}', 1)",
    ],
)
def test_the_store_of_these_tests_refuses_keys_of_two_slots(own_client: "redis.Redis", sid: str, text: str) -> None:
    used = [keys.stream(sid), ANOTHER] if "KEYS[2]" in text else [keys.stream(sid)]
    with pytest.raises(redis.ResponseError, match="slot"):
        own_client.eval(text, len(used), *used)
    assert not own_client.exists(ANOTHER)
