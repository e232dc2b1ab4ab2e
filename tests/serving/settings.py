"""The project's settings, serving the application beside this file instead of the site.

So these tests say something about the processes alone, whatever the site does. TEST_SHUTDOWN_SECONDS is how long they
have to end.
"""

import os

from doqchat.serving import shutdown
from tests.serving.collected import *  # noqa: F403

ASGI_APPLICATION = "tests.serving.application." + os.environ.get("TEST_APPLICATION", "application")
shutdown.SHUTDOWN_SECONDS = int(os.environ.get("TEST_SHUTDOWN_SECONDS", shutdown.SHUTDOWN_SECONDS))
