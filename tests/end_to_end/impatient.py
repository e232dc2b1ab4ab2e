"""The project's settings, for a web process that takes the store to be awake and soon gives up on one that is not.

Nothing but what clients send makes it talk to the store, so that tests know what was sent when.
"""

from config.settings import *  # noqa: F403
from doqchat.fanout import hub
from doqchat.store import append, connection

hub.BEAT_SECONDS = 3600.0
connection.AWAKE_SECONDS = 60.0
append.GIVE_UP_SECONDS = 1.0
