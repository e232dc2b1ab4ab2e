"""The site's settings, for more replies at once than one session or one worker is given by default."""

from config.settings import *  # noqa: F403 - a settings module is what it exports
from config.settings import DOQCHAT, LLMS

CONCURRENCY = 256
DOQCHAT["REPLIES"] = {
    "CONCURRENCY": CONCURRENCY,
    "REQUESTS_PER_MINUTE": None,
    "ROLE_REQUESTS_PER_MINUTE": None,
}
LLMS["gemini-legacy"]["THREADS"] = CONCURRENCY
