"""The ASGI application: HTTP goes to Django, sockets to the consumer."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
http = get_asgi_application()  # before anything that needs Django's apps to be loaded

from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402 - needs the apps

from chat.routing import websocket_urlpatterns  # noqa: E402 - needs the apps

application = ProtocolTypeRouter({"http": http, "websocket": URLRouter(websocket_urlpatterns)})
