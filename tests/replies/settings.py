"""The project's settings with limits from the environment variable REPLIES, as JSON."""

import json
import os

from config.settings import *  # noqa: F403
from config.settings import DOQCHAT

DOQCHAT["REPLIES"] |= json.loads(os.environ["REPLIES"])
