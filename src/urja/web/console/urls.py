"""Addresses of the console."""

from django.urls import path

from urja.web.console import views

app_name = "console"

urlpatterns = [
    path("", views.console, name="console"),
    path("live/", views.live, name="live"),
]
