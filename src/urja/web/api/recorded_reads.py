"""The agreement or account that a request names. Use and money are personal: whose were read is written down."""

from django.db.models import Q

from urja.apps.contracts import queries as contracts
from urja.apps.contracts.kinds import Agreement
from urja.apps.identity.requests import record_personal_reads
from urja.apps.overviews.queries import areas, paging, registry
from urja.web.api import lists
from urja.web.api.routes import Ask


def note_read(ask: Ask, agreement: Agreement) -> None:
    """Record a read of a consumer's use or money, unless the account is the caller's own."""
    if agreement.customer_id is not None and agreement.account_id not in ask.area.accounts:
        record_personal_reads(ask.caller, [agreement.customer_id], ask.what, ask.now)


def agreement_of_account(ask: Ask) -> Agreement:
    """The agreement of an account in the area: of now, or its last; whose it is is written down."""
    rows = registry.agreements(Q(), account_id=ask.parts["id"])
    lists.one(ask, rows, areas.agreements(ask.area, ask.now), f"account {ask.parts['id']}")
    agreement = contracts.agreement_at(ask.parts["id"], ask.now)
    if agreement is None:
        (agreement,) = contracts.agreements(one.id for one in paging.page(rows, 1, key="valid_from"))
    note_read(ask, agreement)
    return agreement
