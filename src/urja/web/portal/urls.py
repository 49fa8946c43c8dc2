"""Addresses of the consumer's page."""

from django.urls import path

from urja.web.portal import views

app_name = "portal"

urlpatterns = [
    path("", views.home, name="home"),
    path("entries/<int:seq>/", views.own_entry, name="own-entry"),
    path("accounts/<int:account_id>/", views.account, name="account"),
    path("accounts/<int:account_id>/live/", views.live, name="live"),
    path("accounts/<int:account_id>/entries/", views.passbook, name="passbook"),
    path("accounts/<int:account_id>/entries/<int:seq>/", views.entry, name="entry"),
    path("demo/outbox/", views.outbox, name="outbox"),
    path("manifest.webmanifest", views.manifest, name="manifest"),
]
