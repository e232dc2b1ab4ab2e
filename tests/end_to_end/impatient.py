"""The project's settings, for a web process that soon gives up on a store which does not answer.

Nothing but what clients send makes it talk to the store, so that tests know what was sent when.
"""

from config.settings import *  # noqa: F403
from doqchat.fanout import hub
from doqchat.store import settled

hub.BEAT_SECONDS = 3600.0
settled.SETTLED_WITHIN = 1.0
