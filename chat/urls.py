"""The pages and the HTTP API. A project includes them below a path of its choice."""

from django.urls import path

from chat import embedding, home, invite_pages, recent, views
from chat.api import api
from chat.api_errors import urls_of
from chat.manifest import manifest

app_name = "doqchat"
urlpatterns = [
    path("", home.home, name="home"),
    path("embed.js", embedding.script, name="embed"),
    path("recent/", recent.news, name="recent"),
    path("s/<str:sid>/", views.room, name="room"),
    path("i/<str:secret>/", invite_pages.invite, name="invite"),
    path("app.webmanifest", manifest, name="manifest"),
    path("api/chat/", urls_of(api)),
]
