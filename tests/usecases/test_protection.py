"""Protected people: on what evidence, from when and until when; and what the old marks have become."""

from datetime import timedelta
from importlib import import_module

import pytest
from django.db import connection, transaction
from tests.apps import street
from tests.apps.street import START, adopt, protect
from tests.usecases.test_terms import NOW, do, refusal


def protections():
    from urja.apps.people.models import Protection

    return list(
        Protection.objects.order_by("valid_from").values_list("kind", "valid_from", "valid_to", "evidence")
    )


def ending(at, kind="medical", reason="the machine is gone"):
    from urja.usecases.operations import EndProtection

    return EndProtection(consumer_number="URJ00000001", kind_of_protection=kind, ended_at=at, reason=reason)


def protecting(number="URJ00000001", **changes):
    from urja.usecases.operations import Protect

    values = {"kind_of_protection": "medical", "evidence": "certificate 7", "protected_from": NOW}
    return Protect(consumer_number=number, **(values | changes))


def test_a_protection_is_given_ended_and_undone(database):
    from urja.usecases.operations import Undo

    adopt()
    protect(1)
    entry = do(ending(NOW))
    assert protections() == [("medical", START, NOW, "a certificate")]
    do(Undo(entry_id=entry.id, reason="the wrong house"))
    assert protections() == [("medical", START, None, "a certificate")]
    do(ending(NOW))
    until = NOW + timedelta(days=365)
    do(protecting(protected_until=until))
    assert protections()[1:] == [("medical", NOW, until, "certificate 7")]


@pytest.mark.parametrize(
    ("operation", "sentence"),
    [
        (lambda: protecting(kind_of_protection="rich"), "a protection is medical or never_cut, not 'rich'"),
        (lambda: protecting(evidence=" "), "say what proves it: a certificate's number, an order"),
        (
            lambda: protecting(protected_until=NOW),
            "it ends at 2026-03-22T03:30:00+00:00, before it begins",
        ),
        (
            lambda: protecting(number="nobody"),
            "connection nobody has no customer at 2026-03-22T03:30:00+00:00",
        ),
        (
            lambda: protecting(kind_of_protection="never_cut"),
            "the same protection holds in that time already: end that one first",
        ),
        (
            lambda: ending(NOW),
            "the customer of connection URJ00000001 has no protection 'medical' at 2026-03-22T03:30:00+00:00",
        ),
        (lambda: ending(NOW, kind="never_cut", reason=""), "say why it ends"),
    ],
)
def test_what_stands_against_it(database, operation, sentence):
    adopt()
    protect(1, kind="never_cut")
    assert refusal(operation()) == [sentence]


def carry_over():
    """As the upgrade does it, with the old table in its place again."""
    upgrade = import_module("urja.apps.supply.migrations.0006_registry")
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(upgrade._CARRY_OVER)


@pytest.fixture
def old_marks(database):
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TABLE supply_terms (account_id bigint PRIMARY KEY, category text, flags jsonb, "
            "converted_at timestamptz, arrears_minor bigint, recorded_at timestamptz, actor text)"
        )

    def mark(account_id, category="", flags="[]", converted_at=None, arrears_minor=0):
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO supply_terms VALUES (%s, %s, %s, %s, %s, %s, 'clerk')",
                [account_id, category, flags, converted_at, arrears_minor, NOW],
            )

    return mark


def test_the_old_marks_are_in_the_registry_after_an_upgrade(old_marks):
    from urja.apps.billing.models import Arrear
    from urja.apps.contracts.models import AgreementTerms
    from urja.apps.people.models import Protection

    plain, marked = adopt(1), adopt(2)
    old_marks(plain.account_id)
    old_marks(marked.account_id, "poor", '["medical", "never_cut"]', START - timedelta(days=3), 4_500)
    carry_over()
    terms = AgreementTerms.objects.order_by("agreement_id").values_list("category", "converted_at")
    assert list(terms) == [("", None), ("poor", START - timedelta(days=3))]
    found = Protection.objects.order_by("kind").values_list("person__email", "kind", "valid_from", "valid_to")
    assert list(found) == [
        ("person2@example.org", "medical", NOW, None),
        ("person2@example.org", "never_cut", NOW, None),
    ]
    assert list(Arrear.objects.values_list("account_id", "principal_minor", "surcharge_minor")) == [
        (marked.account_id, 4_500, 0)
    ]


def test_who_is_marked_and_nameless_stops_the_upgrade(old_marks):
    from django.db.utils import DatabaseError

    from urja.apps.contracts.models import Agreement

    adopted = adopt(1)
    with street.by_hand():
        Agreement.objects.update(customer=None)
    old_marks(adopted.account_id, flags='["medical"]')
    with pytest.raises(DatabaseError, match="is marked as protected and has no customer"):
        carry_over()


def test_an_upgrade_without_marks_does_nothing(old_marks):
    from urja.apps.journal.models import AuditEntry

    adopt(1)
    before = AuditEntry.objects.count()
    carry_over()
    assert AuditEntry.objects.count() == before
