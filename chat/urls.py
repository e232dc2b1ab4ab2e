"""The pages, the HTTP API and the health checks."""

from django.templatetags.static import static
from django.urls import path
from django.views.generic import RedirectView

from chat import views
from chat.api import api
from chat.api_errors import urls_of

urlpatterns = [
    path("", views.home, name="home"),
    path("s/<str:sid>/", views.room, name="room"),
    path("api/chat/", urls_of(api)),
    path("favicon.ico", RedirectView.as_view(url=static("chat/images/mark.svg"))),  # for pages that name none
]
