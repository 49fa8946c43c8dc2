"""Protected consumers: evidence, beginning and end."""

from datetime import timedelta

import pytest
from tests.apps.town import START, adopt, protect
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
        (
            lambda: protecting(kind_of_protection="rich"),
            "a protected status is medical or never_cut, not 'rich'",
        ),
        (
            lambda: protecting(evidence=" "),
            "give the evidence, such as the number of a certificate or an order",
        ),
        (
            lambda: protecting(protected_until=NOW),
            "the protected status would end at 2026-03-22T03:30:00+00:00, before it begins",
        ),
        (
            lambda: protecting(number="unknown"),
            "service point unknown has no consumer at 2026-03-22T03:30:00+00:00",
        ),
        (
            lambda: protecting(kind_of_protection="never_cut"),
            "the same protected status is in force in that period already: end it first",
        ),
        (
            lambda: ending(NOW),
            "the consumer of service point URJ00000001 has no protected status 'medical' at 2026-03-22T03:30:00+00:00",
        ),
        (lambda: ending(NOW, kind="never_cut", reason=""), "give a reason for the end"),
    ],
)
def test_what_stands_against_it(database, operation, sentence):
    adopt()
    protect(1, kind="never_cut")
    assert refusal(operation()) == [sentence]
