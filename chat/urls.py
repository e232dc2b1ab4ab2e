"""The pages, the HTTP API and the health checks."""

from django.urls import path

from chat import health, views

urlpatterns = [
    path("", views.home, name="home"),
    path("s/<str:sid>/", views.room, name="room"),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
]
