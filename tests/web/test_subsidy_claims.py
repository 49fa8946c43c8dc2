"""The console's page of subsidy claims: in both languages, as a file, for those who may see settlements."""

from datetime import date

import pytest
from tests.apps import town
from tests.web.console_staff import NORTH, as_pipeline
from tests.web.reading import text_of
from tests.web.town_cast import NOW

PAGE = "/console/subsidy-claims/"
FEBRUARY = date(2026, 2, 1)


def subsidise(accounts):
    """A tariff by which the state pays, and 300 and 200 rupees given to two accounts for February, of which 50 came back."""
    from tests.pipeline.test_subsidy_claims import TARIFF

    from urja.apps.books.posting import Draft, post_entries
    from urja.apps.rulebook.operations import load_tariff

    load_tariff(TARIFF.format(code="subsidised", version="1", body="State"), town.START)
    for n, (adopted, amount) in enumerate(
        zip([*accounts[:2], accounts[1]], (30_000, 20_000, -5_000), strict=True)
    ):
        given = Draft(
            account_id=adopted.account_id,
            contra="receivable:subsidy",
            amount_minor=amount,
            origin="engine",
            line="subsidy",
            accounting_month=FEBRUARY,
            idempotency_key=f"given:{n}",
            agreement_id=adopted.agreement_id,
            period_start=FEBRUARY,
            service_date=date(2026, 2, 28),
        )
        post_entries(adopted.account_id >> 40, [given], NOW)


def pay(operation=1, reference="UTR1"):
    from urja.apps.billing.subsidy_payments import SubsidyPayment, record

    record(SubsidyPayment(operation, "State", "INR", 30_000, date(2026, 3, 1), reference, NOW, "test"))


@pytest.fixture
def subsidised(at_noon, staff):
    as_pipeline(lambda: subsidise(at_noon.adopted), role="urja_owner")


def test_a_month_is_listed_by_billing_period(subsidised, colleague):
    text = text_of(colleague("revenue_officer").get(f"{PAGE}?month=2026-02"))
    assert "Subsidy claims February 2026" in text
    assert "Not final before 5 March 2026" in text
    assert "Claimed State ₹450.00 With all earlier claims ₹450.00" in text
    assert "Subsidy State February 2026 2 0 kWh ₹500.00 ₹50.00 ₹450.00" in text


def test_the_menu_marks_the_entry_that_leads_there(subsidised, colleague):
    page = colleague("revenue_officer").get(PAGE).content.decode()
    assert '<a href="/console/payments/" aria-current="true">' in page
    assert page.count("aria-current") == 1
    itself = colleague("revenue_officer").get("/console/payments/").content.decode()
    assert '<a href="/console/payments/" aria-current="page">' in itself


def test_what_is_paid_and_outstanding_is_beside_it(subsidised, colleague):
    as_pipeline(pay, role="urja_owner")
    officer = colleague("revenue_officer")
    text = text_of(officer.get(f"{PAGE}?month=2026-02"))
    assert "With all earlier claims ₹450.00 Paid to date ₹300.00 Outstanding ₹150.00" in text
    assert "Payments of all claims State 1 March 2026 · UTR1 ₹300.00" in text
    assert "Record a payment of a subsidy claim" in text
    form = text_of(officer.get("/console/operations/record_subsidy_payment/"))
    assert "Body that pays" in form
    assert "Amount paid, ₹" in form
    hindi = text_of(officer.get(f"{PAGE}?month=2026-02", headers={"accept-language": "hi"}))
    assert "अब तक चुकाया गया ₹300.00" in hindi
    assert "Record a payment" not in text_of(colleague("auditor").get(f"{PAGE}?month=2026-02"))


def test_the_newest_are_listed_and_all_are_counted_and_summed(subsidised, colleague, monkeypatch):
    from urja.apps.overviews.queries import subsidy_claims

    monkeypatch.setattr(subsidy_claims, "LISTED", 1)
    as_pipeline(lambda: (pay(), pay(2, "UTR2")), role="urja_owner")
    page = colleague("revenue_officer").get(f"{PAGE}?month=2026-02")
    text = text_of(page)
    assert "Paid to date ₹600.00" in text
    assert ("UTR2" in text, "UTR1" in text) == (True, False)
    assert "The newest 1 of 2 payments." in text


def test_and_in_hindi(subsidised, colleague):
    page = colleague("revenue_officer").get(f"{PAGE}?month=2026-02", headers={"accept-language": "hi"})
    text = text_of(page)
    assert "सब्सिडी के दावे" in text
    assert "पिछले सभी दावों सहित ₹450.00" in text
    assert "Claimed" not in text


def test_a_month_without_one_says_so(at_noon, staff, colleague):
    assert "Nothing is claimed up to this month." in text_of(colleague("revenue_officer").get(PAGE))


def test_it_is_a_file_too(subsidised, colleague):
    answer = colleague("auditor").get(f"{PAGE}claim.csv?month=2026-02")
    assert answer["Content-Disposition"] == 'attachment; filename="subsidy-claim-2026-02.csv"'
    heading, row = answer.content.decode().splitlines()
    assert heading.split(",")[:3] == ["claim_month", "final_on", "body"]
    assert row == "2026-02,2026-03-05,State,subsidy,electricity,INR,2026-02,2,0,50000,5000,45000,0"


def test_a_payment_is_offered_to_those_alone_who_may_record_it(subsidised, colleague, staff):
    from urja.usecases.operations import employ

    def limited():
        stamp = {"recorded_at": town.START, "actor": "test"}
        employ("auditor@urja.example", "Auditor", "revenue_officer", f"section {NORTH}", **stamp)

    as_pipeline(limited, role="urja_owner")
    offered = "Record a payment of a subsidy claim"
    assert offered in text_of(colleague("revenue_officer").get(PAGE))
    # The auditor is a revenue officer too, of one section: what a body pays belongs to none.
    assert offered not in text_of(colleague("auditor").get(PAGE))


def test_others_do_not_see_it(subsidised, colleague):
    for address in (PAGE, f"{PAGE}claim.csv"):
        assert colleague("clerk").get(address).status_code == 404
