"""The home page's own part as text: what everybody looks at, and what is drawn anew with each reading.

A template would cost more than all that it shows: these are the same few elements for everybody, so they are put
together by hand, every value escaped. Frames and all other pages are templates.
"""

from collections.abc import Sequence
from functools import lru_cache
from html import escape
from typing import TYPE_CHECKING, NamedTuple

from django.conf import settings
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language

from urja.web.shared.said import said as _

if TYPE_CHECKING:
    from urja.web.portal.pages import BalanceView, EntryDay, HomePage, UseView
    from urja.web.shared.account_card import AccountCard

LONG_AMOUNT = 10
"""An amount of more letters is set smaller."""


class _Words(NamedTuple):
    """What the page says to everybody in one language, escaped."""

    all_connections: str
    messages: str
    all_postings: str
    why: str
    balance: str
    recharge: str
    pay: str
    as_table: str
    nothing_posted: str


@lru_cache(maxsize=len(settings.LANGUAGES) + 1)
def _words(_language: str | None) -> _Words:
    return _Words(
        all_connections=escape(_("All my connections")),
        messages=escape(_("Messages")),
        all_postings=escape(_("All postings")),
        why=escape(_("Why the balance moved")),
        balance=escape(_("Balance")),
        recharge=escape(_("Recharge")),
        pay=escape(_("Pay")),
        as_table=escape(_("Show as a table")),
        nothing_posted=escape(_("Nothing has been posted yet. A day is posted after it ends.")),
    )


def place(account: "AccountCard", *, several: bool) -> SafeString:
    """Whose connection this is; the live part goes under it."""
    words = _words(get_language())
    back = (
        f'\n      <a class="back" href="{reverse("portal:home")}">{words.all_connections}</a>'
        if several
        else ""
    )
    number = escape(_("Consumer number %(number)s") % {"number": account.number})
    return mark_safe(  # noqa: S308 - every text is escaped
        f'    <div class="place">{back}\n'
        f"      <h1>{escape(account.title)}</h1>\n"
        f'      <p class="number">{number}</p>\n'
        f'      <p><a class="more" href="{account.href}messages/">{words.messages}</a></p>\n'
        "    </div>\n"
        "    "
    )


def live(page: "HomePage", tag: str) -> SafeString:
    """The part that moves; `tag` is what the page asks for it again with."""
    at, words = page.account.href, _words(get_language())
    chain = (
        "\n      " + render_to_string("portal/chain.html", {"chain": page.chain, "order": None})
        if page.chain
        else ""
    )
    more = (
        f'\n        <p><a class="more" id="more" href="{at}entries/">{words.all_postings}</a></p>'
        if page.more
        else ""
    )
    return mark_safe(  # noqa: S308 - every text is escaped
        f'<div id="live" class="live" hx-get="{at}live/" hx-trigger="every 15s, look" hx-swap="outerHTML"'
        f""" hx-headers='{{"If-None-Match": "\\"{tag}\\""}}'>\n"""
        f"      {_balance(page, words)}{chain}\n"
        f'      <div class="uses">{"".join(_use(use, words) for use in page.uses)}\n'
        "      </div>\n"
        '      <section class="card postings" aria-labelledby="postings-title">\n'
        f'        <h2 id="postings-title">{words.why}</h2>\n'
        f"        {postings(page.days)}{more}\n"
        "      </section>\n"
        "    </div>\n"
    )


def _balance(page: "HomePage", words: _Words) -> str:
    balance, at = page.balance, page.account.href
    lines = [
        f'<section class="balance {balance.state}" aria-labelledby="balance-title">',
        f'  <h2 id="balance-title">{words.balance}</h2>',
        *([f'  <p class="power {page.power.state}">{escape(page.power.text)}</p>'] if page.power else []),
        f'  <p class="amount{" long" if len(balance.amount) > LONG_AMOUNT else ""}">{escape(balance.amount)}</p>',
        f'  <p class="days">{escape(balance.days)}</p>',
    ]
    if balance.runway:
        lines.append(f"  {balance.runway}")
    if page.standing:
        lines.append(f'  <p class="standing">{escape(page.standing)}</p>')
    lines.append(f'  <p class="as-of">{escape(balance.as_of)}</p>')
    lines += _parts(balance)
    if balance.late:
        lines.append(f'  <p class="late">{escape(balance.late)}</p>')
    if page.unconfirmed:
        lines.append(f'  <p class="unconfirmed">{escape(page.unconfirmed)}</p>')
    if page.can_pay:
        lines.append(
            f'  <p><a class="recharge" href="{at}pay/">{words.pay if page.by_bill else words.recharge}</a></p>'
        )
    if page.under_way:
        order = reverse("portal:order", args=[page.account.id, page.under_way.order_id])
        lines.append(f'  <p class="under-way"><a href="{order}">{escape(page.under_way.text)}</a></p>')
    lines.append("</section>")
    return "\n      ".join(lines)


def _parts(balance: "BalanceView") -> list[str]:
    if not balance.parts:
        return []
    rows = [
        f"    <div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in balance.parts
    ]
    return ["  <dl>", *rows, "  </dl>"]


def _use(use: "UseView", words: _Words) -> str:
    return (
        f'\n        <section class="card use" aria-labelledby="{use.name}-heading">\n'
        f'          <h2 id="{use.name}-heading">{escape(use.heading)} <span>{escape(use.total)}</span></h2>\n'
        f"          {use.chart}{use.legend}\n"
        f'          <details id="{use.name}-table"><summary>{words.as_table}</summary>\n'
        f"            {use.table}\n"
        "          </details>\n"
        "        </section>"
    )


def postings(days: Sequence["EntryDay"]) -> SafeString:
    """Postings by day, each opening to its arithmetic."""
    if not days:
        words = _words(get_language())
        return mark_safe(f'\n        <p class="quiet-text">{words.nothing_posted}</p>\n')  # noqa: S308 - escaped
    return mark_safe("".join(map(_day, days)) + "\n")  # noqa: S308 - every text is escaped


def _day(day: "EntryDay") -> str:
    lines = "".join(
        f'\n          <li><a id="entry-{line.seq}" href="{line.href}"><span class="grow">{escape(line.title)}</span>'
        f' <span class="sum{" credit" if line.credit else ""}">{escape(line.amount)}</span></a></li>'
        for line in day.lines
    )
    return (
        f"\n        <h3>{escape(day.title)} <span>{escape(day.total)}</span></h3>\n"
        f'        <ul class="entries">{lines}\n'
        "        </ul>"
    )
