"""The pages to pay on: an order by UPI, card or wallet, a QR code by UPI. They work without JavaScript.

An order's page is opened as Razorpay's Hosted Checkout is (docs/sandbox.md): by a form, and it posts a form back.
"""

import json
import re
import sqlite3
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from html import escape
from typing import Final
from urllib.parse import urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from urja.base.ip_networks import is_this_machine
from urja.base.upi import qr_inline, qr_svg
from urja.sandbox.gateway import payments, upi
from urja.sandbox.gateway.cards import CARDS, method_of
from urja.sandbox.gateway.context import GatewayContext, find
from urja.sandbox.gateway.payments import Method
from urja.sandbox.gateway.texts import TEXTS
from urja.sandbox.http import RefusedError, form_of
from urja.sandbox.outbox import sign
from urja.sandbox.page import LANGUAGES, html_page, language_of, rupees

_LOOK_AGAIN_S: Final = 4
_AUTHORITY: Final = re.compile(r"[A-Za-z0-9.\-]+(:\d{1,5})?|\[[0-9A-Fa-f:.]+\](:\d{1,5})?")
_GOOD: Final = {"authorized", "captured"}

_UPI: Final = Method("upi", {"vpa": "payer@sandbox"})
_WALLET: Final = Method("wallet", {"wallet": "sandbox"})

_View = Callable[["_Visit"], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class _Visit:
    """One request for a page, with what every page needs."""

    context: GatewayContext
    request: Request
    language: str
    callback: str | None
    """Takes the form by which a payer returns after a payment or a failed one."""
    cancel: str | None = None
    """Where a payer goes who leaves without paying."""

    def text(self, key: str, **values: str) -> str:
        """Return a text in the visitor's language, escaped."""
        values.setdefault("merchant", self.context.utility.name)
        return escape(TEXTS[self.language][key].format(**values))

    @property
    def order(self) -> sqlite3.Row:
        return find(self.context.book, "orders", self.request.path_params["id"])

    @property
    def origin(self) -> str | None:
        """Origin of the callback address."""
        if self.callback is None:
            return None
        parts = urlsplit(self.callback)
        return f"{parts.scheme}://{parts.netloc}"

    def path(self, path: str, **changes: str) -> str:
        """Return a path with the language and the callback address of this visit."""
        back = {"callback_url": self.callback, "cancel_url": self.cancel}
        query = {"lang": self.language} | {name: url for name, url in back.items() if url}
        return f"{path}?{urlencode(query | changes)}"

    def page(
        self,
        body: str,
        *,
        status: int = 200,
        refresh_s: int | None = None,
        again: str = "",
        script: bool = False,
    ) -> Response:
        """Return a page of this visit; `again` is its own path, for the link to the other language."""
        other = next(code for code in LANGUAGES if code != self.language)
        link = escape(self.path(again or self.request.url.path, lang=other))
        frame = (
            f'<p class="sandbox">{self.text("sandbox")}</p><main><header>'
            f'<strong>{escape(self.context.utility.name)}</strong><a href="{link}" lang="{other}">{LANGUAGES[other]}</a>'
            f"</header>{body}</main>"
        )
        return html_page(
            self.context.utility.name,
            frame,
            language=self.language,
            status=status,
            refresh_s=refresh_s,
            form_origin=self.origin,
            script=script,
        )


def routes(context: GatewayContext) -> list[Route]:
    """Return the pages, open to anyone who has the identifier of an order or a code."""

    def view(path: str, handler: _View, method: str = "GET") -> Route:
        async def endpoint(request: Request) -> Response:
            visit = _Visit(context, request, language_of(request), None)
            try:
                callback, cancel = (
                    _back_to(context, request, request.query_params.get(name), name)
                    for name in ("callback_url", "cancel_url")
                )
                return await handler(_Visit(context, request, visit.language, callback, cancel))
            except RefusedError as refused:
                return _refused(visit, refused)

        return Route(path, endpoint, methods=[method])

    return [
        view("/v1/checkout/embedded", _open_checkout, "POST"),
        view("/pay/{id}", _show_order),
        view("/pay/{id}/upi", _pay_by_upi, "POST"),
        view("/pay/{id}/card", _pay_by_card, "POST"),
        view("/pay/{id}/wallet", _pay_by_wallet, "POST"),
        view("/qr/{id}.svg", _qr_image),
        view("/qr/{id}", _show_qr),
        view("/qr/{id}/upi", _pay_qr, "POST"),
    ]


def _back_to(context: GatewayContext, request: Request, url: str | None, name: str) -> str | None:
    """Return where to send the payer back. Raises RefusedError for a foreign address (an open redirect)."""
    if not url:
        return None
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        raise RefusedError(f"{name} is not an address", field=name) from None
    ours = is_this_machine(host) or host == request.url.hostname
    origin = f"{parts.scheme}://{parts.netloc}"
    allowed = ours or origin in {allowed.rstrip("/") for allowed in context.given.callback_origins}
    if parts.scheme not in {"http", "https"} or not _AUTHORITY.fullmatch(parts.netloc) or not allowed:
        raise RefusedError(
            f"{name} must be on this host, on the loopback interface or in callback_origins", field=name
        )
    return url


def _refused(visit: _Visit, refused: RefusedError) -> Response:
    body = (
        f'<div class="notice bad"><strong>{visit.text("cannot")}</strong>{escape(refused.description)}</div>'
    )
    return visit.page(body, status=refused.status)


# -- orders -------------------------------------------------------------------------------------------------


_MANDATORY: Final = ("key_id", "name", "order_id", "amount", "currency", "callback_url")


async def _open_checkout(visit: _Visit) -> Response:
    """Open the page of an order by the form of Hosted Checkout, with the fields that its documentation demands."""
    form = await form_of(visit.request)
    for name in _MANDATORY:
        if not form.get(name):
            raise RefusedError(f"The {name} field is required.", field=name)
    if form["key_id"] != visit.context.given.key_id:
        raise RefusedError("The api key provided is invalid", status=401, field="key_id")
    order = find(visit.context.book, "orders", form["order_id"])
    if (form["amount"], form["currency"]) != (str(order["amount"]), order["currency"]):
        raise RefusedError("Payment amount is different from your order amount", field="amount")
    callback, cancel = (
        _back_to(visit.context, visit.request, form.get(name), name)
        for name in ("callback_url", "cancel_url")
    )
    opened = replace(visit, callback=callback, cancel=cancel)
    return _see(opened.path(f"/pay/{order['id']}"))


async def _show_order(visit: _Visit) -> Response:
    order = visit.order
    attempt = _attempt(visit, order)
    if attempt is not None and attempt["status"] in _GOOD and visit.callback:
        return visit.page(_due(visit, order["amount"], "") + _paid(visit, order), script=True)
    body = _due(visit, order["amount"], visit.text("number", number=order["receipt"] or order["id"]))
    if order["status"] == "paid":
        return visit.page(body + _paid(visit, order))
    if attempt is not None and attempt["status"] == "created":
        return visit.page(body + _notice(visit, "pending") + _leave(visit), refresh_s=_LOOK_AGAIN_S)
    if attempt is not None and attempt["status"] == "failed":
        body += _notice(visit, _failure(attempt), "bad") + _return_form(visit, _error_fields(attempt))
    elif visit.request.query_params.get("problem") == "not_a_test_card":
        body += f'<div class="notice bad" role="status">{visit.text("not_a_test_card")}</div>'
    return visit.page(body + _ways(visit, order) + _leave(visit))


def _attempt(visit: _Visit, order: sqlite3.Row) -> sqlite3.Row | None:
    """Return the attempt that the page's address names, if it belongs to this order."""
    return visit.context.book.one(
        "SELECT * FROM payments WHERE id = ? AND order_id = ?",
        visit.request.query_params.get("attempt", ""),
        order["id"],
    )


def _failure(attempt: sqlite3.Row) -> str:
    reason = json.loads(attempt["error"] or "{}").get("reason")
    return "timed_out" if reason == "payment_timed_out" else "failed"


async def _pay_by_upi(visit: _Visit) -> Response:
    return _pay(visit, _UPI)


async def _pay_by_wallet(visit: _Visit) -> Response:
    return _pay(visit, _WALLET)


async def _pay_by_card(visit: _Visit) -> Response:
    form = await form_of(visit.request)
    method = method_of(form.get("number", ""))
    if method is None:
        return _see(visit.path(f"/pay/{visit.order['id']}", problem="not_a_test_card"))
    return _pay(visit, method)


def _pay(visit: _Visit, method: Method) -> Response:
    """Pay, and lead to the page with the result."""
    order = visit.order
    if order["status"] == "paid":
        # The button was pressed twice, or the order was paid on another device: show the first payment.
        return _see(visit.path(f"/pay/{order['id']}"))
    payment = payments.attempt_order(visit.context, order["id"], method)
    return _see(visit.path(f"/pay/{order['id']}", attempt=payment["id"]))


def _see(address: str) -> Response:
    return RedirectResponse(address, 303)


def _return_form(visit: _Visit, fields: dict[str, str], button: str = "") -> str:
    """Return the form by which a payer returns; empty where no merchant waits."""
    if visit.callback is None:
        return ""
    hidden = "".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">'
        for name, value in fields.items()
    )
    return (
        f'<form id="return" method="post" action="{escape(visit.callback)}">{hidden}'
        f'<button class="{button}">{visit.text("back")}</button></form>'
    )


def _paid_fields(visit: _Visit, payment: sqlite3.Row) -> dict[str, str]:
    """Return proof of a payment: a signature with the key secret."""
    message = f"{payment['order_id']}|{payment['id']}"
    return {
        "razorpay_payment_id": payment["id"],
        "razorpay_order_id": payment["order_id"],
        "razorpay_signature": sign(visit.context.given.key_secret, message.encode()),
    }


def _error_fields(payment: sqlite3.Row) -> dict[str, str]:
    error = json.loads(payment["error"] or "{}")
    named = {"payment_id": payment["id"], "order_id": payment["order_id"]}
    return {f"error[{name}]": str(value) for name, value in error.items()} | {
        "error[metadata]": json.dumps(named)
    }


def _due(visit: _Visit, amount: int | None, what: str) -> str:
    shown = f'<p class="amount">{rupees(amount)}</p>' if amount is not None else ""
    return f'<div class="due"><h1>{visit.text("pay_to")}</h1>{shown}<p class="number">{what}</p></div>'


def _notice(visit: _Visit, key: str, kind: str = "", **values: str) -> str:
    return (
        f'<div class="notice {kind}" role="status"><strong>{visit.text(key, **values)}</strong>'
        f"{visit.text(f'{key}_more')}</div>"
    )


def _paid(visit: _Visit, order: sqlite3.Row) -> str:
    payment = visit.context.book.one(
        "SELECT * FROM payments WHERE order_id = ? AND captured = 1", order["id"]
    )
    assert payment is not None, "a paid order has a captured payment"
    key = "returned" if payment["status"] == "refunded" else "paid"
    notice = _notice(visit, key, "good" if key == "paid" else "", amount=rupees(payment["amount"]))
    return notice + _return_form(visit, _paid_fields(visit, payment), "first")


def _leave(visit: _Visit) -> str:
    """Return the link back without a payment."""
    if visit.cancel is None:
        return ""
    return f'<a class="button" href="{escape(visit.cancel)}">{visit.text("cancel")}</a>'


def _ways(visit: _Visit, order: sqlite3.Row) -> str:
    amount = rupees(order["amount"])
    link = upi.intent(visit.context.utility.name, order["id"], order["amount"])
    action = {kind: escape(visit.path(f"/pay/{order['id']}/{kind}")) for kind in ("upi", "card", "wallet")}
    return (
        _upi_card(visit, link, action["upi"])
        + _card_form(visit, action["card"], amount)
        + f'<section class="card"><h2>{visit.text("wallet")}</h2><form method="post" action="{action["wallet"]}">'
        f"<button>{visit.text('wallet_pay', amount=amount)}</button></form></section>"
    )


def _upi_card(visit: _Visit, link: str, action: str, fields: str = "") -> str:
    return (
        f'<section class="card"><h2>{visit.text("upi")}</h2><p class="hint">{visit.text("upi_hint")}</p>'
        f'<div class="qr">{qr_inline(link, visit.text("qr_title"))}</div>'
        f'<a class="button" href="{escape(link)}">{visit.text("upi_open")}</a>'
        f'<form method="post" action="{action}">{fields}'
        f'<button class="first">{visit.text("upi_done")}</button></form>'
        f'<p class="hint">{visit.text("upi_sandbox")}</p></section>'
    )


def _card_form(visit: _Visit, action: str, amount: str) -> str:
    first, *others = CARDS
    choices = "".join(
        # The button's value follows the field of the same name in the form, and the last one counts.
        f'<li><button name="number" value="{card.number}"><span>{card.shown}</span>'
        f"<span>{visit.text(card.outcome)}</span></button></li>"
        for card in others
    )
    return (
        f'<section class="card"><h2>{visit.text("card")}</h2><p class="hint">{visit.text("card_hint")}</p>'
        f'<form method="post" action="{action}" autocomplete="off">'
        f'<label>{visit.text("card_number")}<input name="number" inputmode="numeric" value="{first.shown}" '
        'maxlength="23" required></label><div class="pair">'
        f'<label>{visit.text("card_expiry")}<input name="expiry" inputmode="numeric" value="12/39" maxlength="7"></label>'
        f'<label>{visit.text("card_cvv")}<input name="cvv" inputmode="numeric" value="123" maxlength="4"></label></div>'
        f'<button class="first">{visit.text("card_pay", amount=amount)}</button>'
        f"<details><summary>{visit.text('cards')}</summary><ul>{choices}</ul></details></form></section>"
    )


# -- QR codes -----------------------------------------------------------------------------------------------


def _qr_link(visit: _Visit) -> tuple[sqlite3.Row, str]:
    row = find(visit.context.book, "qr_codes", visit.request.path_params["id"])
    return row, upi.intent(row["name"] or visit.context.utility.name, row["id"], row["payment_amount"])


async def _qr_image(visit: _Visit) -> Response:
    _, link = _qr_link(visit)
    return Response(qr_svg(link), media_type="image/svg+xml", headers={"cache-control": "no-store"})


async def _show_qr(visit: _Visit) -> Response:
    row, link = _qr_link(visit)
    body = _due(visit, row["payment_amount"], escape(row["name"] or row["id"]))
    payment = visit.context.book.one(
        "SELECT * FROM payments WHERE id = ? AND qr_id = ?",
        visit.request.query_params.get("attempt", ""),
        row["id"],
    )
    if payment is not None and payment["captured"]:
        return visit.page(body + _notice(visit, "paid", "good", amount=rupees(payment["amount"])))
    if payment is not None and payment["status"] == "created":
        return visit.page(body + _notice(visit, "pending"), refresh_s=_LOOK_AGAIN_S)
    if payment is not None:
        body += _notice(visit, _failure(payment), "bad")
    elif visit.request.query_params.get("problem") == "bad_amount":
        body += f'<div class="notice bad" role="status">{visit.text("bad_amount")}</div>'
    if row["status"] == "closed":
        return visit.page(body + f'<div class="notice bad">{visit.text("closed")}</div>')
    field = ""
    if not row["fixed_amount"]:
        field = f'<label>{visit.text("amount")}<input name="amount" inputmode="decimal" required maxlength="9"></label>'
    action = escape(visit.path(f"/qr/{row['id']}/upi"))
    return visit.page(body + _upi_card(visit, link, action, field))


async def _pay_qr(visit: _Visit) -> Response:
    form = await form_of(visit.request)
    row, _ = _qr_link(visit)
    amount = None if row["fixed_amount"] else _paise(form.get("amount", ""))
    try:
        payment = payments.attempt_qr(visit.context, row["id"], _UPI, amount)
    except RefusedError as refused:
        if refused.field != "amount":
            raise
        return _see(visit.path(f"/qr/{row['id']}", problem="bad_amount"))
    return _see(visit.path(f"/qr/{row['id']}", attempt=payment["id"]))


def _paise(typed: str) -> int | None:
    """Return paise from rupees as entered, None for a text that is no amount."""
    try:
        paise = Decimal(typed.replace(",", "").strip()) * 100
    except InvalidOperation:
        return None
    return int(paise) if paise.is_finite() and paise == paise.to_integral_value() else None
