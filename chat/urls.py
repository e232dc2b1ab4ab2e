"""The pages and the HTTP API. A project includes them below a path of its choice."""

from django.urls import path

from chat.api.api import api
from chat.api.errors import urls_of
from chat.pages import embedding, home, invites, recent, room
from chat.pages.manifest import manifest, worker

app_name = "doqchat"
urlpatterns = [
    path("", home.home, name="home"),
    path("embed.js", embedding.script, name="embed"),
    path("recent/", recent.news, name="recent"),
    path("s/<str:sid>/", room.room, name="room"),
    path("i/<str:secret>/", invites.invite, name="invite"),
    path("app.webmanifest", manifest, name="manifest"),
    path("worker.js", worker, name="worker"),
    path("api/chat/", urls_of(api)),
]
