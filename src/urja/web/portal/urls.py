"""Addresses of the consumer's page."""

from django.urls import path

from urja.web.portal import (
    address_views,
    maintenance_views,
    messages,
    pay_views,
    receipts,
    statement_views,
    transfer_views,
    views,
)
from urja.web.shared import url_converters  # noqa: F401 - registers <key:...> and <word:...>

app_name = "portal"

urlpatterns = [
    path("", views.home, name="home"),
    path("entries/<key:seq>/", views.own_entry, name="own-entry"),
    path("accounts/<key:account_id>/", views.account, name="account"),
    path("accounts/<key:account_id>/live/", views.live, name="live"),
    path("accounts/<key:account_id>/entries/", views.passbook, name="passbook"),
    path("accounts/<key:account_id>/entries/<key:seq>/", views.entry, name="entry"),
    path("accounts/<key:account_id>/entries/<key:seq>/proof/", views.entry_proof, name="entry-proof"),
    path("accounts/<key:account_id>/proof/", views.statement_proof, name="statement-proof"),
    path("accounts/<key:account_id>/messages/", messages.messages, name="messages"),
    path("accounts/<key:account_id>/statements/", statement_views.statements, name="statements"),
    path(
        "accounts/<key:account_id>/statements/<key:series>-<key:number>/",
        statement_views.one,
        name="statement",
    ),
    path(
        "accounts/<key:account_id>/statements/<key:series>-<key:number>/data.json",
        statement_views.data,
        name="statement-data",
    ),
    path(
        "accounts/<key:account_id>/statements/<key:series>-<key:number>/proof/",
        statement_views.proof,
        name="account-statement-proof",
    ),
    path("accounts/<key:account_id>/receipts/", receipts.receipts, name="receipts"),
    path("accounts/<key:account_id>/receipts/<key:receipt_id>/", receipts.receipt, name="receipt"),
    path(
        "accounts/<key:account_id>/orders/<key:order_id>/receipt/",
        receipts.order_receipt,
        name="order-receipt",
    ),
    path("accounts/<key:account_id>/pay/", pay_views.pay, name="pay"),
    path("accounts/<key:account_id>/maintenance/", maintenance_views.maintenance, name="maintenance"),
    path("accounts/<key:account_id>/transfer/", transfer_views.transfer, name="transfer"),
    path("accounts/<key:account_id>/chain/", pay_views.chain, name="chain"),
    path("accounts/<key:account_id>/orders/<key:order_id>/", pay_views.order, name="order"),
    path("accounts/<key:account_id>/orders/<key:order_id>/live/", pay_views.order_live, name="order-live"),
    path("accounts/<key:account_id>/orders/<key:order_id>/go/", pay_views.go, name="order-go"),
    path("accounts/<key:account_id>/orders/<key:order_id>/returned/", pay_views.returned, name="returned"),
    path("address/confirm/<word:word>/", address_views.confirm, name="address-confirm"),
    path("address/refuse/<word:word>/", address_views.refuse, name="address-refuse"),
    path("demo/outbox/", views.outbox, name="outbox"),
    path("manifest.webmanifest", views.manifest, name="manifest"),
]
