"""Settings without limits on requests; what remains is the order in which workers take them."""

from config.settings import *  # noqa: F403 - a settings module is what it exports
from config.settings import DOQCHAT

DOQCHAT["REPLIES"] = {
    "REQUESTS_PER_MINUTE": None,
    "ROLE_REQUESTS_PER_MINUTE": None,
    "MAX_ACTIVE_REPLIES": None,
    "ROLE_MAX_ACTIVE_REPLIES": None,
}
