"""How the durability of a store is derived from its configuration."""

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
def test_redis_7_and_valkey_8_and_later_are_accepted(info: dict[str, str], version: str) -> None:
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


def test_appendfsync_is_ignored_without_an_append_only_file() -> None:
    assert weaknesses(DURABLE | {"appendonly": "no", "appendfsync": "everysec"}) == ("appendonly no",)


def test_all_weak_settings_are_listed() -> None:
    settings = DURABLE | {"appendfsync": "everysec", "maxmemory-policy": "volatile-lru"}
    assert weaknesses(settings) == ("appendfsync everysec", "maxmemory-policy volatile-lru")


def test_a_store_with_unknown_settings_is_not_durable() -> None:
    assert weaknesses({"appendonly": "yes"}) is None
    assert not Durability("Redis 7.4.0", None).durable
