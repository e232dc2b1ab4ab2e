"""The ASGI application: HTTP goes to Django, sockets to the consumer."""

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup(set_prefix=False)  # before anything that needs Django's apps to be loaded

from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402 - needs the apps
from django.conf import settings  # noqa: E402 - as the others
from django.urls import re_path  # noqa: E402 - as the others

from chat.asgi_handler import Handler  # noqa: E402 - needs the apps
from chat.checks import require_usable_settings  # noqa: E402 - needs the apps
from chat.socket.consumer import WrongAddress  # noqa: E402 - needs the apps
from chat.socket.routing import websocket_urlpatterns  # noqa: E402 - needs the apps
from doqchat import tracing  # noqa: E402 - as the others
from doqchat.serving.paced_starts import PacedStarts  # noqa: E402 - as the others
from doqchat.serving.public_address import PublicAddress  # noqa: E402 - as the others
from doqchat.serving.request_bodies import BoundedBodies  # noqa: E402 - needs the settings
from doqchat.serving.request_ids import RequestIds  # noqa: E402 - as the others

tracing.start()
require_usable_settings()  # servers other than `manage.py doqchat_web` load this without running the system checks
http = BoundedBodies(Handler())
sockets = URLRouter([*websocket_urlpatterns, re_path("", WrongAddress.as_asgi())])
reached = PublicAddress(
    PacedStarts(ProtocolTypeRouter({"http": http, "websocket": sockets})),
    https=settings.HTTPS,
    path=settings.SITE_PATH,
    proxies=settings.FORWARDED_ALLOW_IPS,
)
application = RequestIds(reached, proxies=settings.FORWARDED_ALLOW_IPS)
