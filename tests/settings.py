"""The project's settings for one run of the tests: a data directory and ports of its own, and nothing of a `.env`.

The variables are set in this process's environment, so that the processes that tests start are configured alike. Those
use `config.settings` itself: what runs is what people run.
"""

import atexit
import os
import re
import shutil
import tempfile
from pathlib import Path

from tests.ports import free_port

_data = Path(tempfile.mkdtemp(prefix="doqchat-tests-"))
atexit.register(shutil.rmtree, _data, ignore_errors=True)

_env_file = Path(__file__).resolve().parent.parent / ".env"
_said_there = (
    re.findall(r"^\s*(?:export\s+)?(\w+)\s*=", _env_file.read_text("utf-8", "replace"), re.M)
    if _env_file.is_file()
    else []
)
_unset = [
    *_said_there,
    "PORT",
    "SERVER",
    "WEB_WORKERS",
    "LLM_WORKERS",
    "DOQCHAT_LLM_MODEL",
    "DOQCHAT_LLM_CONTEXT_TOKENS",
    "GEMINI_API_KEY",
    "GEMINI_BASE_URL",
    "OPENAI_API_KEY",
    "OPENAI_BASE_URL",
    "ALLOWED_HOSTS",
    "DOQCHAT_ORIGINS",
    "DOQCHAT_EMBED_ORIGINS",
    "DOQCHAT_TOKEN_KEY",
    "DOQCHAT_TOKEN_JWKS",
    "DOQCHAT_HTTPS",
    "DOQCHAT_PATH",
    "FORWARDED_ALLOW_IPS",
]
# A variable that is set wins over the file, and an empty one stands for the default.
os.environ.update(dict.fromkeys(_unset, ""))
os.environ.update(
    HOST="127.0.0.1",
    DOQCHAT_ACCESS="open",
    DOQCHAT_DATA_DIR=str(_data),
    DOQCHAT_REDIS_PORT=str(free_port()),
    DOQCHAT_REDIS_URL=f"redis://127.0.0.1:{free_port()}/0",
    DATABASE_URL=f"sqlite:///{_data / 'db.sqlite3'}",
    SECRET_KEY="not a secret: for tests alone",
    DEBUG="false",
)

from config.settings import *  # noqa: E402, F403
from config.settings import DATABASES, DOQCHAT  # noqa: E402

# Tests and the processes they start share one database.
DATABASES["default"]["TEST"] = {"NAME": str(_data / "db.sqlite3")}
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
# Engines in this process do not use the database, except those of tests/archive. Server processes do.
DOQCHAT["ARCHIVE"] = None
