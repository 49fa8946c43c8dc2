"""The gateway's API in Razorpay's form, and its book for the laws."""

import sqlite3
from collections.abc import Awaitable, Callable
from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from urja.sandbox.gateway import disputes, entities, orders, payments, qr_codes, refunds, settlements
from urja.sandbox.gateway.context import GatewayContext, currency, find, money
from urja.sandbox.http import Guard, RefusedError, json_of

Entity = Callable[[sqlite3.Row], dict[str, object]]
_Handler = Callable[[GatewayContext, Request], Awaitable[object]]

_BOOK: Final = """
SELECT p.*, o.receipt, coalesce(o.notes, q.notes) AS order_notes,
    (SELECT group_concat(r.cause) FROM refunds r WHERE r.payment_id = p.id) AS causes,
    (SELECT sum(r.amount) FROM refunds r WHERE r.payment_id = p.id AND r.status = 'processed') AS sent_back,
    (SELECT sum(d.amount_deducted) FROM disputes d WHERE d.payment_id = p.id) AS lost
FROM payments p LEFT JOIN orders o ON o.id = p.order_id LEFT JOIN qr_codes q ON q.id = p.qr_id
ORDER BY p.n
"""


def routes(context: GatewayContext, guard: Guard) -> list[Route]:
    """Return `/v1` for callers with the keys, `/book` for such callers on this machine."""

    def api(path: str, handler: _Handler, method: str = "GET") -> Route:
        async def endpoint(request: Request) -> Response:
            return JSONResponse(await handler(context, request))

        guarded = guard.local(endpoint) if path.startswith("/book/") else guard.keys(endpoint)
        return Route(path, guarded, methods=[method])

    return [
        api("/v1/orders", _create_order, "POST"),
        api("/v1/orders", _list_orders),
        api("/v1/orders/{id}", _order),
        api("/v1/orders/{id}/payments", _payments_of_order),
        # Before /v1/payments/{id}: routes match in order, and that one would take "qr_codes" for a payment.
        api("/v1/payments/qr_codes", _create_qr, "POST"),
        api("/v1/payments/qr_codes", _list_qr),
        api("/v1/payments/qr_codes/{id}", _qr),
        api("/v1/payments/qr_codes/{id}/payments", _payments_of_qr),
        api("/v1/payments/qr_codes/{id}/close", _close_qr, "POST"),
        api("/v1/payments", _list_payments),
        api("/v1/payments/{id}", _payment),
        api("/v1/payments/{id}/capture", _capture, "POST"),
        api("/v1/payments/{id}/refund", _refund_payment, "POST"),
        api("/v1/payments/{id}/refunds", _refunds_of_payment),
        api("/v1/payments/{id}/refunds/{refund_id}", _refund_of_payment),
        api("/v1/refunds", _list_refunds),
        api("/v1/refunds/{refund_id}", _refund),
        api("/v1/disputes", _list_disputes),
        api("/v1/disputes/{id}", _dispute),
        api("/v1/disputes/{id}/accept", _accept_dispute, "POST"),
        api("/v1/settlements/recon/combined", _settlement_report),
        api("/book/payments", _book_payments),
        api("/book/webhooks", _book_webhooks),
    ]


def _id(request: Request) -> str:
    return str(request.path_params["id"])


def _number(request: Request, name: str, default: int, most: int) -> int:
    text = request.query_params.get(name)
    if text is None:
        return default
    if not text.isascii() or not text.isdigit() or int(text) > most:
        raise RefusedError(f"The {name} must be an integer between 0 and {most}.", field=name)
    return int(text)


def _collection(items: list[dict[str, object]]) -> dict[str, object]:
    return {"entity": "collection", "count": len(items), "items": items}


def _listing(
    context: GatewayContext, request: Request, table: str, entity: Entity, **equal: object
) -> dict[str, object]:
    """Return a list, newest first, filtered by `from`, `to` (created at, both ends included), `count` and `skip`."""
    rows = context.book.all(
        f"SELECT * FROM {table} WHERE created_at BETWEEN ? AND ?"  # noqa: S608 - our own names
        + "".join(f" AND {column} = ?" for column in equal)
        + " ORDER BY n DESC LIMIT ? OFFSET ?",
        _number(request, "from", 0, 1 << 40),
        _number(request, "to", 1 << 40, 1 << 40),
        *equal.values(),
        _number(request, "count", 10, 100),
        _number(request, "skip", 0, 1 << 31),
    )
    return _collection([entity(row) for row in rows])


async def _create_order(context: GatewayContext, request: Request) -> object:
    return orders.create(context, await json_of(request))


async def _list_orders(context: GatewayContext, request: Request) -> object:
    receipt = request.query_params.get("receipt")
    equal = {} if receipt is None else {"receipt": receipt}
    return _listing(context, request, "orders", entities.order, **equal)


async def _order(context: GatewayContext, request: Request) -> object:
    return entities.order(find(context.book, "orders", _id(request)))


async def _payments_of_order(context: GatewayContext, request: Request) -> object:
    find(context.book, "orders", _id(request))
    return _listing(context, request, "payments", entities.payment, order_id=_id(request))


async def _list_payments(context: GatewayContext, request: Request) -> object:
    return _listing(context, request, "payments", entities.payment)


async def _payment(context: GatewayContext, request: Request) -> object:
    return entities.payment(find(context.book, "payments", _id(request)))


async def _capture(context: GatewayContext, request: Request) -> object:
    given = await json_of(request)
    currency(given)
    return entities.payment(payments.capture(context, _id(request), money(given)))


async def _refund_payment(context: GatewayContext, request: Request) -> object:
    key = request.headers.get("x-refund-idempotency")
    return refunds.create(context, _id(request), await json_of(request), key)


async def _refunds_of_payment(context: GatewayContext, request: Request) -> object:
    find(context.book, "payments", _id(request))
    return _listing(context, request, "refunds", entities.refund, payment_id=_id(request))


async def _refund_of_payment(context: GatewayContext, request: Request) -> object:
    refund = find(context.book, "refunds", request.path_params["refund_id"])
    if refund["payment_id"] != _id(request):
        raise RefusedError("The id provided does not exist", field="id")
    return entities.refund(refund)


async def _list_refunds(context: GatewayContext, request: Request) -> object:
    return _listing(context, request, "refunds", entities.refund)


async def _refund(context: GatewayContext, request: Request) -> object:
    return entities.refund(find(context.book, "refunds", request.path_params["refund_id"]))


async def _list_disputes(context: GatewayContext, request: Request) -> object:
    return _listing(context, request, "disputes", entities.dispute)


async def _dispute(context: GatewayContext, request: Request) -> object:
    return entities.dispute(find(context.book, "disputes", _id(request)))


async def _accept_dispute(context: GatewayContext, request: Request) -> object:
    return disputes.accept(context, _id(request))


async def _create_qr(context: GatewayContext, request: Request) -> object:
    return qr_codes.create(context, await json_of(request))


async def _list_qr(context: GatewayContext, request: Request) -> object:
    return _listing(context, request, "qr_codes", lambda row: qr_codes.entity(context, row))


async def _qr(context: GatewayContext, request: Request) -> object:
    return qr_codes.entity(context, find(context.book, "qr_codes", _id(request)))


async def _payments_of_qr(context: GatewayContext, request: Request) -> object:
    find(context.book, "qr_codes", _id(request))
    return _listing(context, request, "payments", entities.payment, qr_id=_id(request))


async def _close_qr(context: GatewayContext, request: Request) -> object:
    return qr_codes.close(context, _id(request))


async def _settlement_report(context: GatewayContext, request: Request) -> object:
    count, skip = _number(request, "count", 10, 1000), _number(request, "skip", 0, 1 << 31)
    return _collection(settlements.report(context, dict(request.query_params), count, skip))


async def _book_payments(context: GatewayContext, _request: Request) -> object:
    return {
        "payments": [entities.book_payment(row) for row in context.book.all(_BOOK)],
        "settlement_rows": settlements.all_rows(context),
    }


async def _book_webhooks(context: GatewayContext, _request: Request) -> object:
    return {"webhooks": context.outbox.listing()}
