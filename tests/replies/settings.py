"""The project's settings with limits that a test chooses: REPLIES has them as JSON."""

import json
import os

from config.settings import *  # noqa: F403
from config.settings import DOQCHAT

DOQCHAT["REPLIES"] |= json.loads(os.environ["REPLIES"])
