"""Where requests go."""

from django.contrib import admin
from django.templatetags.static import static
from django.urls import include, path, re_path
from django.views.generic import RedirectView

from chat.access.login import login
from config.static_files import earlier_version

handler400 = "chat.api.errors.bad_request"
handler500 = "chat.pages.base.server_error"
urlpatterns = [
    path("admin/login/", login),  # before the admin's own
    path("admin/", admin.site.urls),
    path("favicon.ico", RedirectView.as_view(url=static("doqchat/images/mark.svg"))),  # for pages that name none
    re_path(r"^static/(?P<version>[0-9a-f]{12})/(?P<name>.+)$", earlier_version),
    path("", include("chat.urls")),
]
