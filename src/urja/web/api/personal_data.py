"""All stored data of one person, in one document."""

from datetime import datetime

from django.contrib.auth import get_user_model
from django.db.models import Q

from urja.apps.billing.queries import ledger_entries
from urja.apps.identity.queries import personal_reads
from urja.apps.identity.queries.roles import Read
from urja.apps.identity.requests import record_personal_reads
from urja.apps.maintenance.queries import account_beside
from urja.apps.notices.queries import notices_of
from urja.apps.overviews.queries import areas, paging, registry, service_points
from urja.apps.overviews.queries.registry import AccessRow, PersonRow
from urja.web.api import personal_data_answers, resources
from urja.web.api.ledger import entry_of
from urja.web.api.lists import local
from urja.web.api.routes import Ask

_ALL = 1_000_000
"""More entries and messages than an account can have in a life."""


def export(ask: Ask) -> personal_data_answers.Export:
    """Return all stored data of a person, in one document; interval readings by address, a month at a time.

    Accounts outside of the caller's area are left out.
    """
    person = resources.person_of(ask)
    record_personal_reads(ask.caller, [person.id], ask.what, ask.now)
    signed_in: datetime | None = (
        None
        if person.user_id is None
        else get_user_model().objects.values_list("last_login", flat=True).get(id=person.user_id)
    )
    return personal_data_answers.Export(
        exported_at=local(ask.now),
        consumer=resources.consumer_of(person),
        last_signed_in_at=local(signed_in),
        protections=[
            personal_data_answers.Evidence(
                kind=one.kind,
                evidence=one.evidence,
                valid_from=local(one.valid_from),
                valid_to=local(one.valid_to),
            )
            for one in person.protections.all()
        ],
        accounts=[_exported_account(one, person) for one in person.accesses.all() if _may_see(ask, one)],
        read_by=resources.personal_reads_of(personal_reads.of_person(person.id)),
    )


def _may_see(ask: Ask, held: AccessRow) -> bool:
    """Return whether the account is in the caller's area for ledgers: a person may have others elsewhere."""
    area = ask.caller.must(Read.LEDGER)
    rows = registry.agreements(Q(), account_id=held.account_id)
    found, _ = paging.one(rows, areas.agreements(area, ask.now))
    return area.everywhere or found is not None


def _exported_account(held: AccessRow, person: PersonRow) -> personal_data_answers.ExportedAccount:
    maintenance_id = account_beside(held.account_id)
    beside = [] if maintenance_id is None else [maintenance_id]
    return personal_data_answers.ExportedAccount(
        account_id=held.account_id,
        role=held.role,
        currency=held.account.currency,
        agreements=[
            personal_data_answers.ExportedAgreement(
                agreement=resources.agreement_of(one),
                premise=one.service_point.premise.name,
                readings=f"/api/v1/agreements/{one.id}/readings",
            )
            for one in service_points.agreements_of_account(held.account_id)
        ],
        entries=[entry_of(one) for one in reversed(ledger_entries.entries(held.account_id, _ALL))],
        maintenance=[entry_of(one) for id_ in beside for one in reversed(ledger_entries.entries(id_, _ALL))],
        messages=[
            personal_data_answers.Message(
                kind=one.kind,
                requested_at=local(one.requested_at),
                delivered_at=local(one.delivered_at),
                channel=one.channel,
                recipient=one.recipient,
                text=one.text,
            )
            for one in notices_of([held.account_id, *beside], _ALL)
            # What was sent to another's telephone is the other's.
            if one.recipient in ("", person.phone)
        ],
    )
