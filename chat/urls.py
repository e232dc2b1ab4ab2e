"""The pages, the HTTP API and the health checks."""

from django.urls import path

from chat import health, views
from chat.api import api
from chat.api_errors import urls_of

urlpatterns = [
    path("", views.home, name="home"),
    path("s/<str:sid>/", views.room, name="room"),
    path("api/chat/", urls_of(api)),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
]
