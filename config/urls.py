"""Where requests go."""

from django.contrib import admin
from django.urls import include, path

from chat.login import login

handler400 = "chat.api_errors.bad_request"
urlpatterns = [
    path("admin/login/", login),  # before the admin's own
    path("admin/", admin.site.urls),
    path("", include("chat.urls")),
]
