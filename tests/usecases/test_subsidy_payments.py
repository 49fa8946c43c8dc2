"""Payments of subsidy claims: recorded once beside the books, taken back whole, and held to their operations."""

from datetime import date

import psycopg
import pytest
from tests.apps.approvals.office import MONEY, Person
from tests.apps.counter_cast import NOW, ask
from tests.pipeline.test_subsidy_claims import MARCH_ENDS, claim, load, march, town  # noqa: F401 - fixtures

from urja.core.units import MOST_MINOR

MARCH = date(2026, 3, 1)


@pytest.fixture
def officer(march):  # noqa: F811
    """180 rupees are claimed from the state for March."""
    march.post(MARCH_ENDS)
    return Person("asha", "revenue_officer", enrolled=False)


def paid(officer, **fields):
    return ask(officer, payment(**fields))


def payment(**fields):
    from urja.usecases.operations import RecordSubsidyPayment

    given = {
        "body": "State",
        "subsidy_paid_minor": 15_000,
        "paid_on": date(2026, 3, 1),
        "payment_reference": "UTR1",
    }
    return RecordSubsidyPayment(**(given | fields))


def said(done):
    assert done.state == "refused", done
    return str(done.faults[0])


def test_a_payment_is_beside_the_claim_until_it_is_taken_back(march, officer):  # noqa: F811
    assert paid(officer).state == "done"
    assert (
        said(paid(officer, payment_reference="utr1")) == "a payment of State under utr1 is recorded already"
    )
    (found,) = claim(march, MARCH).sums
    assert (found.through_minor, found.paid_minor, found.outstanding_minor) == (18_000, 15_000, 3_000)
    assert paid(officer, subsidy_paid_minor=-15_000).state == "done"
    assert paid(officer, subsidy_paid_minor=20_000).state == "done"
    (found,) = claim(march, MARCH).sums
    assert (found.paid_minor, found.outstanding_minor) == (20_000, -2_000)
    assert [one.amount_minor for one in claim(march, MARCH).payments] == [20_000, -15_000, 15_000]
    assert march.laws()["subsidy_payments"]


def test_two_payments_near_the_bound_have_a_sum(march, officer):  # noqa: F811
    from urja.usecases.operations import perform

    refused = said(paid(officer, subsidy_paid_minor=9 * 10**18))
    assert refused == "subsidy_paid_minor: the amount is beyond 90000000000.00, the largest that is taken"
    for reference in ("UTR1", "UTR2"):
        # As their approval performs them: amounts of this size take passkeys.
        given = {"subsidy_paid_minor": MOST_MINOR, "payment_reference": reference}
        perform(payment(**given), recorded_at=NOW, actor=officer.actor)
    (found,) = claim(march, MARCH).sums
    assert found.paid_minor == 2 * MOST_MINOR
    assert march.laws()["subsidy_payments"]


def test_what_is_refused(officer):
    assert said(paid(officer, body="Railways")) == "nothing is claimed from Railways in one currency"
    assert said(paid(officer, subsidy_paid_minor=0)) == "the amount must not be 0"
    assert said(paid(officer, payment_reference=" ")).startswith("give the bank's reference")
    assert said(paid(officer, paid_on=date(2099, 1, 1))) == "the day of the payment has not come yet"
    assert said(paid(officer, subsidy_paid_minor=-1)).endswith(
        "what takes a payment back is its whole amount"
    )


@pytest.mark.parametrize(
    "fields", [{"payment_reference": "UTR1\n"}, {"payment_reference": " UTR1"}, {"body": "State\t"}]
)
def test_what_would_be_stored_otherwise_than_asked_for_is_refused(march, officer, fields):  # noqa: F811
    assert (
        said(paid(officer, **fields))
        == "a body and a reference neither begin nor end with a space or a new line"
    )
    assert march.laws()["subsidy_payments"]


def test_a_large_one_needs_a_passkey_and_clerks_record_none(march, officer):  # noqa: F811
    """The officer has none, and a clerk may record none at all."""
    assert "passkey" in said(paid(officer, subsidy_paid_minor=MONEY))
    assert paid(Person("ravi")).state == "refused"
    assert claim(march, MARCH).payments == ()


ROW = "INSERT INTO billing_subsidy_payment VALUES ({id}, 'State', 'INR', {amount}, '2026-03-01', '{reference}', now(), 'x')"


def test_the_database_and_the_law_hold_a_payment_to_its_operation(march, officer, database):  # noqa: F811
    """A thief of the web's role records none; what the pipeline's role invents contradicts the audit."""
    assert paid(officer).state == "done"
    with database.connect("urja_web") as thief, pytest.raises(psycopg.errors.InsufficientPrivilege):
        thief.execute(ROW.format(id=1, amount=1, reference="x"))
    for statement in (
        "UPDATE billing_subsidy_payment SET amount_minor = 1",
        "DELETE FROM billing_subsidy_payment",
        "TRUNCATE billing_subsidy_payment",
    ):
        with database.connect("urja_pipeline") as faulty, pytest.raises(psycopg.errors.InsufficientPrivilege):
            faulty.execute(statement)
        with database.connect() as owner, pytest.raises(psycopg.IntegrityError, match="never changed"):
            owner.execute(statement)
    for amount, reference in ((5, "utr1"), (-5, "UTR1"), (-5, "UTR2")):
        with (
            database.connect("urja_pipeline") as faulty,
            pytest.raises(psycopg.IntegrityError, match="recorded"),
        ):
            faulty.execute(ROW.format(id=2, amount=amount, reference=reference))
    assert march.laws()["subsidy_payments"]
    with database.connect("urja_pipeline") as faulty:
        faulty.execute(ROW.format(id=3, amount=700, reference="invented"))
        faulty.commit()
    assert not march.laws()["subsidy_payments"]


@pytest.mark.parametrize(
    "change", ["amount_minor = 1", "body = 'Other'", "paid_on = '2026-02-01'", "currency = 'USD'", None]
)
def test_a_payment_that_is_rewritten_or_gone_breaks_the_law(march, officer, database, change):  # noqa: F811
    assert paid(officer).state == "done"
    with database.connect("urja_admin") as superuser:
        superuser.execute("SET session_replication_role = replica")
        superuser.execute(
            f"UPDATE billing_subsidy_payment SET {change}"
            if change
            else "DELETE FROM billing_subsidy_payment"
        )
        superuser.commit()
    assert not march.laws()["subsidy_payments"]
