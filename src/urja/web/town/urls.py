"""Addresses of the town."""

from django.urls import path

from urja.web.town import views

app_name = "town"

urlpatterns = [
    path("", views.town, name="town"),
    path("live/", views.live, name="live"),
    path("do/", views.do, name="do"),
    path("decode/", views.decode, name="decode"),
    path("houses/<slug:serial>/", views.house, name="house"),
    path("houses/<slug:serial>/live/", views.house_live, name="house-live"),
    path("houses/<slug:serial>/display/", views.house_display, name="house-display"),
]
