"""Addresses of the consumer's page."""

from django.urls import path, register_converter
from django.urls.converters import IntConverter

from urja.web.portal import messages, pay_views, views


class Key(IntConverter):
    """A number that the database's keys can hold; a longer one is no address."""

    regex = "[0-9]{1,18}"


register_converter(Key, "key")

app_name = "portal"

urlpatterns = [
    path("", views.home, name="home"),
    path("entries/<key:seq>/", views.own_entry, name="own-entry"),
    path("accounts/<key:account_id>/", views.account, name="account"),
    path("accounts/<key:account_id>/live/", views.live, name="live"),
    path("accounts/<key:account_id>/entries/", views.passbook, name="passbook"),
    path("accounts/<key:account_id>/entries/<key:seq>/", views.entry, name="entry"),
    path("accounts/<key:account_id>/messages/", messages.messages, name="messages"),
    path("accounts/<key:account_id>/pay/", pay_views.pay, name="pay"),
    path("accounts/<key:account_id>/chain/", pay_views.chain, name="chain"),
    path("accounts/<key:account_id>/orders/<key:order_id>/", pay_views.order, name="order"),
    path("accounts/<key:account_id>/orders/<key:order_id>/live/", pay_views.order_live, name="order-live"),
    path("accounts/<key:account_id>/orders/<key:order_id>/pay/", pay_views.retry, name="order-retry"),
    path("api/v1/accounts/<key:account_id>/balance", pay_views.balance, name="api-balance"),
    path("demo/outbox/", views.outbox, name="outbox"),
    path("manifest.webmanifest", views.manifest, name="manifest"),
]
