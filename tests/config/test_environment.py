"""Variables that cannot be used: each gives one sentence, and never a part of a password."""

from pathlib import Path

import pytest

from config import environment as module
from config.environment import Environment
from doqchat.access.verification_keys import kept_secret

SECRET = "pa55"


def environment() -> Environment:
    return Environment(Path("/nonexistent/.env"))


@pytest.mark.parametrize(
    "urls",
    [
        "localhost:6379",
        "/abc",
        "redis://",
        "redis:///0",
        "redis://:6379",
        "redis://localhost:99999",
        "redis://localhost:0",
        "redis://localhost:port",
        "redis://localhost/name",
        "redis://localhost/-1",
        "redis://local host",
        "redis://[::1",
        "redis://localhost?unknown_option=1",
        "redis://localhost?db=first",
        "unix://",
        "http://localhost",
        f"redis://:{SECRET}#a@host",
        f"redis://:#{SECRET}@host",
        f"redis://user:6379#{SECRET}@host",
        f"redis://user:6379?{SECRET}@host",
        f"redis://user:6379/{SECRET}@host",
        f"redis://:{SECRET}/@host",
        f"redis://:{SECRET},{SECRET}@host",
        "redis://localhost,localhost:6380",
    ],
)
def test_an_address_of_the_store_that_cannot_be_used_is_refused(urls: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOQCHAT_REDIS_URL", urls)
    env = environment()
    assert env.store_urls("DOQCHAT_REDIS_URL", "redis://127.0.0.1:6390/0") == ["redis://127.0.0.1:6390/0"]
    ((name, problem),) = env.problems
    assert name == "DOQCHAT_REDIS_URL"
    assert problem.startswith("DOQCHAT_REDIS_URL must be ")
    assert SECRET not in problem


@pytest.mark.parametrize(
    "urls",
    [
        "redis://localhost",
        "redis://localhost:6379/",
        "redis://user:p%23a@localhost:6379/3",
        "redis://[::1]:6379/0",
        "rediss://:secret@db.example.org:6380/0?ssl_ca_certs=/etc/ssl/redis-ca.pem",
        "unix:///run/redis.sock?db=2&password=secret",
        "redis://first/0,redis://second/0",
    ],
)
def test_an_address_of_the_store_is_taken_as_it_is(urls: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOQCHAT_REDIS_URL", urls)
    env = environment()
    assert env.store_urls("DOQCHAT_REDIS_URL", "redis://127.0.0.1:6390/0") == urls.split(",")
    assert env.problems == []


@pytest.mark.parametrize(
    "url",
    [
        "mongo://x",
        "ldap://x",
        f"mongo://u:{SECRET}@host/name",
        f"sqlite://u:{SECRET}@host/name",
        "sqlite://db.sqlite3",
        "sqlite://",
        f"postgres://u:{SECRET}@host:99999/name",
        f"postgres://u:{SECRET}@host",
        f"postgres://u:{SECRET}@[::1/name",
        "name",
    ],
)
@pytest.mark.filterwarnings("error")
def test_a_database_that_cannot_be_used_is_refused(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", url)
    env = environment()
    assert env.database("DATABASE_URL", "sqlite:////tmp/db.sqlite3")["NAME"] == "/tmp/db.sqlite3"
    ((_, problem),) = env.problems
    assert problem.startswith("DATABASE_URL must be a database URL such as ")
    assert SECRET not in problem


@pytest.mark.parametrize(
    ("scheme", "package"), [("postgres", "psycopg[binary]"), ("mysql", "mysqlclient"), ("oracle", "oracledb")]
)
def test_a_database_without_its_driver_says_what_to_install(
    scheme: str, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load(engine: str) -> None:
        if "sqlite" not in engine:
            raise ImportError(engine)

    monkeypatch.setattr(module, "load_backend", load)
    monkeypatch.setenv("DATABASE_URL", f"{scheme}://u:{SECRET}@host/name")
    env = environment()
    env.database("DATABASE_URL", "sqlite:////tmp/db.sqlite3")
    ((_, problem),) = env.problems
    assert problem == f"DATABASE_URL needs a driver that is not installed: .venv/bin/pip install '{package}'."


@pytest.mark.parametrize(
    ("given", "path"), [("", "/"), ("/", "/"), ("/chat/", "/chat/"), ("chat", "/chat/"), ("/a/b-1", "/a/b-1/")]
)
def test_a_path_has_a_slash_at_both_ends(given: str, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOQCHAT_PATH", given)
    env = environment()
    assert env.url_path("DOQCHAT_PATH") == path
    assert env.problems == []


@pytest.mark.parametrize(
    "given", ["/a b/", "/../", "/a/./b", "//a", "/채팅/", "/a?b", "/%41/", "https://example.org/a"]
)
def test_a_path_that_needs_encoding_is_refused(given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOQCHAT_PATH", given)
    env = environment()
    assert env.url_path("DOQCHAT_PATH") == "/"
    assert [name for name, _ in env.problems] == ["DOQCHAT_PATH"]


def test_a_secret_that_cannot_be_kept_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SECRET_KEY", raising=False)
    (tmp_path / "file").touch()
    env = environment()
    assert len(env.secret("SECRET_KEY", tmp_path / "file" / "secret_key")) >= 50
    ((_, problem),) = env.problems
    assert problem.startswith("DOQCHAT_DATA_DIR must be a directory ")


@pytest.mark.parametrize("content", [b"", b"\n", b"\xff\xfe"])
def test_a_kept_secret_that_is_damaged_is_refused(
    content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SECRET_KEY", raising=False)
    (tmp_path / "secret_key").write_bytes(content)
    env = environment()
    env.secret("SECRET_KEY", tmp_path / "secret_key")
    ((_, problem),) = env.problems
    assert problem.startswith(f"{tmp_path}/secret_key contains no secret key")


def test_a_secret_is_kept_for_its_owner_alone(tmp_path: Path) -> None:
    file = tmp_path / "data" / "secret_key"
    secret = kept_secret(file)
    assert kept_secret(file) == secret
    assert file.stat().st_mode & 0o777 == 0o600
    assert list(file.parent.iterdir()) == [file]


@pytest.mark.parametrize("prices", ["0.3", "1,2,3", "-1,2", "1,inf", "nan,1", "1;2", f"1,{SECRET}"])
def test_prices_that_cannot_be_used_are_refused(prices: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOQCHAT_LLM_PRICES", prices)
    env = environment()
    assert env.prices("DOQCHAT_LLM_PRICES") is None
    ((_, problem),) = env.problems
    assert "such as 0.3,2.5" in problem
    assert SECRET not in problem
