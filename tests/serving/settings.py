"""The project's settings, serving the application beside this file instead of the site.

So these tests say something about the processes alone, whatever the site does.
"""

import os

from config.settings import *  # noqa: F403

ASGI_APPLICATION = "tests.serving.application." + os.environ.get("TEST_APPLICATION", "application")
