"""The site's settings, for more replies at once than one session or one worker is given by default."""

from config.settings import *  # noqa: F403 - a settings module is what it exports
from config.settings import DOQCHAT, LLMS

AT_ONCE = 256
DOQCHAT["REPLIES"] = {
    "AT_ONCE": AT_ONCE,
    "REQUESTS_A_MINUTE": None,
    "REQUESTS_A_MINUTE_OF_A_ROLE": None,
}
LLMS["gemini-legacy"]["THREADS"] = AT_ONCE
