"""What a store's own words say about its durability."""

import pytest

from doqchat.store.durability import Durability, UnsupportedStoreError, server_version, weaknesses

DURABLE = {"appendonly": "yes", "appendfsync": "always", "maxmemory-policy": "noeviction"}


@pytest.mark.parametrize(
    ("info", "version"),
    [
        ({"redis_version": "7.0.15"}, "Redis 7.0.15"),
        ({"redis_version": "8.2.1"}, "Redis 8.2.1"),
        ({"redis_version": "7.2.4", "server_name": "valkey", "valkey_version": "8.1.0"}, "Valkey 8.1.0"),
    ],
)
def test_redis_7_and_valkey_8_and_later_are_taken(info: dict[str, str], version: str) -> None:
    assert server_version(info) == version


@pytest.mark.parametrize(
    "info",
    [
        {"redis_version": "6.2.14"},
        {"redis_version": "7.2.4", "server_name": "valkey", "valkey_version": "7.2.8"},
        {},
    ],
)
def test_older_servers_are_refused(info: dict[str, str]) -> None:
    with pytest.raises(UnsupportedStoreError):
        server_version(info)


def test_a_file_synced_at_every_write_and_nothing_evicted_is_durable() -> None:
    assert weaknesses(DURABLE) == ()
    assert Durability("Valkey 9.1.2", ()).durable


def test_without_a_file_it_does_not_matter_how_it_is_synced() -> None:
    assert weaknesses(DURABLE | {"appendonly": "no", "appendfsync": "everysec"}) == ("appendonly no",)


def test_everything_that_falls_short_is_named() -> None:
    settings = DURABLE | {"appendfsync": "everysec", "maxmemory-policy": "volatile-lru"}
    assert weaknesses(settings) == ("appendfsync everysec", "maxmemory-policy volatile-lru")


def test_a_store_that_does_not_tell_everything_is_not_called_durable() -> None:
    assert weaknesses({"appendonly": "yes"}) is None
    assert not Durability("Redis 7.4.0", None).durable
