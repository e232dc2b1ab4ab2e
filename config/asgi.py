"""The ASGI application: HTTP goes to Django, sockets to the consumer."""

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup(set_prefix=False)  # before anything that needs Django's apps to be loaded

from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402 - needs the apps

from chat.http import Handler  # noqa: E402 - needs the apps
from chat.routing import websocket_urlpatterns  # noqa: E402 - needs the apps
from doqchat.serving.request_bodies import BoundedBodies  # noqa: E402 - needs the settings

http = BoundedBodies(Handler())
application = ProtocolTypeRouter({"http": http, "websocket": URLRouter(websocket_urlpatterns)})
