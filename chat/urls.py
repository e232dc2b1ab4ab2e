"""The pages and the HTTP API. A project includes them below a path of its choice."""

from django.urls import path

from chat import views
from chat.api import api
from chat.api_errors import urls_of

app_name = "doqchat"
urlpatterns = [
    path("", views.home, name="home"),
    path("s/<str:sid>/", views.room, name="room"),
    path("api/chat/", urls_of(api)),
]
