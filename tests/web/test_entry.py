"""A posting opens to its arithmetic, which adds up, and which any reader can do again from what the page shows.

The second half of this file is that reader: it reads the page alone (reads, rows, the tariff's name) and the
tariff document of that name, and computes with its own few lines.
"""

import re
import tomllib
from fractions import Fraction
from math import floor

import pytest
from tests.web.reading import Page, text_of


def shown(client, home, seq):
    return Page(client.get(f"/accounts/{home.account_id}/entries/{seq}/"))


def all_entries(home):
    from urja.apps.billing.queries import ledger_entries

    return ledger_entries.entries(home.account_id, 1000)


@pytest.fixture
def client(home, browser):
    return browser(user_id=home.owner_id)


def test_rows_add_up_to_every_posting(home, client):
    charges = [entry for entry in all_entries(home) if entry.origin == "engine"]
    assert len(charges) > 50
    for entry in charges:
        page = shown(client, home, entry.seq)
        rows = page.numbers("arithmetic", "tbody td")
        assert page.number("entry-amount") == entry.amount_minor
        assert sum(rows) == entry.amount_minor
        assert page.numbers("arithmetic", "tfoot td") == [entry.amount_minor]
        assert "These rows add up to the amount of this entry." in page.text
        # What is printed is what is said to machines.
        assert [minor(text) for text in page.cells("arithmetic", "tbody td")] == rows


def test_each_row_is_its_quantity_times_its_rate(home, client):
    for entry in all_entries(home):
        if entry.origin != "engine":
            continue
        page = shown(client, home, entry.seq)
        for label, amount in zip(
            page.cells("arithmetic", "tbody th"), page.numbers("arithmetic", "tbody td"), strict=True
        ):
            product = re.search(r"([−\d.,/]+) (?:kWh|day|%) × (−?)₹([\d.,/]+)$", label)
            if product is None:
                assert "ounding" in label
                continue
            quantity = exact(product[1]) / (100 if "%" in product[0] else 1)
            rate = exact(product[2] + product[3]) * 100
            assert -half_up(quantity * rate) == amount


def test_the_energy_charge_can_be_computed_from_the_reads_and_the_tariff(home, client):
    charges = [entry for entry in all_entries(home) if entry.line == "energy"]
    assert len(charges) == 18
    for entry in charges:
        page = shown(client, home, entry.seq)
        reads = [exact(text) for text in page.cells("reads", "tbody td.figure")]
        opening, previous, closing = reads if len(reads) == 3 else (reads[0], *reads)
        assert exact(page.cells("reads", "tfoot td")[0]) == closing - previous
        slabs = slabs_of(page, days=30)
        before, after = (price(read - opening, slabs) for read in (previous, closing))
        assert half_up(before) - half_up(after) == entry.amount_minor


def test_a_charge_by_the_day_shows_no_reads(home, client):
    fixed = next(entry for entry in all_entries(home) if entry.line == "fixed")
    page = shown(client, home, fixed.seq)
    assert "Meter readings" not in page.text
    assert "1 day × ₹2.00" in page.text


def test_a_credit_needs_no_arithmetic(home, client, browser):
    credit = all_entries(home)[-1]
    page = shown(client, home, credit.seq)
    assert "Opening credit" in page.text
    assert "+₹1,400.00" in page.text
    assert "How this amount is calculated" not in page.text
    assert "The account began here with this credit." in page.text
    assert (
        "यहाँ खाता इस जमा राशि से शुरू हुआ।"
        in shown(browser(user_id=home.owner_id, language="hi"), home, credit.seq).text
    )


def test_the_arithmetic_speaks_hindi(home, browser):
    energy = next(entry for entry in all_entries(home) if entry.line == "energy")
    duty = next(entry for entry in all_entries(home) if entry.line == "duty")
    hindi = browser(user_id=home.owner_id, language="hi")
    page = shown(hindi, home, energy.seq)
    for phrase in (
        "ऊर्जा शुल्क",
        "स्लैब 2: 97 से 291 kWh",
        "आधी रात की रीडिंग",
        "घरेलू (प्रदर्शन)",
        "इस प्रविष्टि की राशि के बराबर है",
    ):
        assert phrase in page.text
    assert not re.search(r"[a-z]{4,}", page.text.replace("Flat 12, Neem Street", "").replace("English", ""))
    assert "ऊर्जा शुल्क का 5 %" in shown(hindi, home, duty.seq).text


def test_rows_that_do_not_add_up_are_said_not_to(home, client, monkeypatch):
    from dataclasses import replace

    from urja.apps.billing.queries import ledger_entries

    true_why = ledger_entries.explain_entry
    monkeypatch.setattr(
        ledger_entries, "explain_entry", lambda *key: replace(true_why(*key), rows=true_why(*key).rows[:1])
    )
    entry = all_entries(home)[0]
    response = client.get(f"/accounts/{home.account_id}/entries/{entry.seq}/")
    assert "These rows do not add up to the amount of this entry" in text_of(response)


def test_a_fault_and_a_cause_are_said_in_both_languages(home, client, monkeypatch):
    from dataclasses import replace

    from urja.apps.billing.kinds import NO_DETERMINANTS, Cause
    from urja.apps.billing.queries import ledger_entries

    entry = all_entries(home)[0]
    page = text_of(client.get(f"/accounts/{home.account_id}/entries/{entry.seq}/"))
    assert "These rows add up" in page
    assert "makes up the difference" not in page
    true_why = ledger_entries.explain_entry
    monkeypatch.setattr(
        ledger_entries,
        "explain_entry",
        lambda *key: replace(true_why(*key), faults=(f"was calculated from 1, {NO_DETERMINANTS}",)),
    )
    page = text_of(client.get(f"/accounts/{home.account_id}/entries/{entry.seq}/"))
    assert "does not name the determinants that it was calculated from" in page
    monkeypatch.setattr(
        ledger_entries,
        "explain_entry",
        lambda *key: replace(true_why(*key), faults=("comes to 1",), cause=Cause.BACKDATED_TARIFF),
    )
    page = text_of(client.get(f"/accounts/{home.account_id}/entries/{entry.seq}/"))
    assert "the result is not what was charged" in page
    assert "A tariff was changed for days that were already charged." in page
    client.cookies["django_language"] = "hi"
    page = text_of(client.get(f"/accounts/{home.account_id}/entries/{entry.seq}/"))
    assert "परिणाम ली गई राशि के बराबर नहीं है" in page
    assert "उनका टैरिफ बदला गया" in page


def test_a_label_of_unknown_shape_is_shown_as_its_document_has_it(in_hindi):
    from urja.web.shared import ledger_words as wording

    assert wording.label("Green cess of 2027") == "Green cess of 2027"
    assert wording.label("Green cess of 2027, slab 1: 0 to 97 kWh").startswith("Green cess of 2027, ")
    assert wording.title("green-cess") == "Green cess"


def test_the_wording_of_the_engine_is_known(in_hindi):
    from urja.web.shared import ledger_words as wording

    labels = (
        "slab 1: 0 to 97 kWh",
        "slab 3: above 291 kWh",
        "taken back: slab 1: 0 to 97 kWh",
        "2026-03, 2 of 31 days",
        "2026-03, 2 of 31 days, 3 kW",
        "by day",
        "by day, 2.5 kW",
        "all energy",
        "rounding carried from before",
        "17 of the period's 31 days",
        "17 of the period's 31 days, 2.5 kW",
        "less Energy charge",
        "what is beyond the most it may come to",
        "5 % of Energy charge",
        "5 % of Energy charge, slab 1: 0 to 97 kWh",
    )
    notes = (
        "energy: width of slab 1 of 3000/31 kWh rounded half-up to 97 kWh",
        "energy: bound 2 of the use of 12000/31 kWh rounded half-up to 387 kWh",
        "energy: energy of 97.5 kWh rounded half-up to 98 kWh",
        "energy of 15 of 31 days of 918631/7750 kWh rounded half-up to 119 kWh",
        "provisional: closed without the register read of its midnight",
        "correction of the period from 2026-02-01",
        "500 Wh of 2026-03-01 to 2026-03-03 split by days at a change of price: 1 days, 1 days",
    )
    for said in [*map(wording.label, labels), *map(wording.note, notes)]:
        assert not re.search(r"[a-zA-Z]{3,}", said.replace("kWh", "").replace("kW", "")), said
    assert wording.label("rounded half-up to a multiple of 1.00 INR") == "1.00 INR के गुणज में पूर्णांकित"
    assert wording.label("something new: 5") == "something new: 5"
    assert wording.note("something new") == "something new"


# A reader with a pencil.


def exact(text: str) -> Fraction:
    return Fraction(text.replace(",", "").replace("−", "-"))


def minor(text: str) -> int:
    return int(text.replace(",", "").replace("₹", "").replace(".", "").replace("−", "-").replace("+", ""))


def half_up(value: Fraction) -> int:
    return floor(value + Fraction(1, 2)) if value >= 0 else -floor(-value + Fraction(1, 2))


def slabs_of(page: Page, days: int) -> list[tuple[Fraction, Fraction | None, Fraction]]:
    """From, to and rate in minor units, of the version that the page names, for so many days of March."""
    from urja.apps.rulebook.queries.tariffs import bundled_tariffs

    version = re.search(r"version (\S+),", page.text)[1]
    document = tomllib.loads(bundled_tariffs()["demo-domestic.toml"], parse_float=Fraction)
    assert document["version"] == version
    slabs, low = [], Fraction(0)
    for slab in document["line"][0]["slabs"]:
        rate = Fraction(slab["rate"]) * 100
        if "up_to" not in slab:
            return [*slabs, (low, None, rate)]
        width = half_up(Fraction(slab["up_to"] - slab["from"]) * days / 31)
        slabs.append((low, low + width, rate))
        low += width
    return slabs


def price(kwh: Fraction, slabs) -> Fraction:
    return sum(
        (
            max(Fraction(0), (kwh if high is None else min(kwh, high)) - low) * rate
            for low, high, rate in slabs
        ),
        Fraction(0),
    )


def test_a_posting_of_a_sealed_day_has_its_proof_and_another_has_a_sentence(home, client, browser, tmp_path):
    import msgspec
    from tests.apps.payments.till import as_role
    from tests.pipeline.test_seal import exported, new_sealer

    from urja.apps.proofs.receipts import Receipt, check

    entries = all_entries(home)
    where = f"/accounts/{home.account_id}"
    assert "from tomorrow" in shown(client, home, 1).text
    assert client.get(f"{where}/entries/1/proof/").status_code == 404
    assert client.get(f"{where}/proof/").status_code == 404
    sealer = new_sealer(tmp_path)
    with as_role("urja_pipeline"):
        sealer.run_once(entries[0].posted_at)
        heads = exported(sealer)
    answer = client.get(f"{where}/entries/1/proof/")
    assert (
        answer.headers["Content-Disposition"]
        == f'attachment; filename="urja-receipt-{home.account_id}-1.json"'
    )
    receipt = msgspec.json.decode(answer.content, type=Receipt)
    check(receipt, heads)
    assert "Download the proof of this entry" in shown(client, home, 1).text
    statement = msgspec.json.decode(client.get(f"{where}/proof/").content, type=Receipt)
    check(statement, heads)
    assert len(statement.entries) == 50
    older = client.get(f"{where}/proof/?before={statement.entries[0].entry['seq']}")
    assert (
        msgspec.json.decode(older.content, type=Receipt).entries[-1].entry["seq"]
        < statement.entries[0].entry["seq"]
    )
    stranger = browser(user_id=home.outsider_id)
    assert stranger.get(f"{where}/entries/1/proof/").status_code == 404
    assert stranger.get(f"{where}/proof/").status_code == 404
