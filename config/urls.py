"""Where requests go."""

from django.contrib import admin
from django.templatetags.static import static
from django.urls import include, path
from django.views.generic import RedirectView

from chat.login import login

handler400 = "chat.api_errors.bad_request"
urlpatterns = [
    path("admin/login/", login),  # before the admin's own
    path("admin/", admin.site.urls),
    path("favicon.ico", RedirectView.as_view(url=static("doqchat/images/mark.svg"))),  # for pages that name none
    path("", include("chat.urls")),
]
