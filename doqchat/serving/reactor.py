"""Installs Twisted's reactor on uvloop, whose sockets and timers take less of the process's time than asyncio's.

Import this before daphne, which otherwise installs it on asyncio's own event loop.
"""

import uvloop
from twisted.internet import asyncioreactor

asyncioreactor.install(uvloop.new_event_loop())
