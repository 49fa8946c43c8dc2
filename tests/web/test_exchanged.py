"""The page of a posting over an exchange: both meters' registers, from which any reader can do the sum again."""

from datetime import timedelta

import pytest
from tests.apps import town
from tests.apps.town import START, adopt, exchange, in_stock, registers
from tests.pipeline.test_post import CUT, DAY, load
from tests.web.reading import Page

AT = START + DAY + timedelta(hours=14, minutes=20)


@pytest.fixture
def exchanged(database):
    """Old 10,432.6 to 10,440.1 kWh, new 0.2 to 3.7 kWh behind transformers of 10 to 5."""
    from urja.pipeline import post

    load()
    home = adopt(1, register_wh=10_424_600)
    in_stock(2)
    with database.connect() as books:
        town.store_registers(books, registers(home, (START + DAY, 10_432_600)))
        post.run_once(START + DAY + timedelta(minutes=5), CUT)
        done = exchange(1, 2, AT, old_wh=10_440_100, new_wh=200, ratio_primary=10, ratio_secondary=5)
        reads = registers(home, (START + 2 * DAY, 3_700))
        reads["device_id"] = done.outcome["device_id"]
        town.store_registers(books, reads)
        post.run_once(START + 2 * DAY + timedelta(minutes=5), CUT)
    return home


def test_both_meters_are_shown_and_the_sum_can_be_done_again(exchanged, browser):
    from urja.apps.billing.queries.ledger_entries import entries

    energy, *_ = [e for e in entries(exchanged.account_id, 100) if e.line == "energy"]
    client = browser(user_id=exchanged.user_id)
    page = Page(client.get(f"/accounts/{exchanged.account_id}/entries/{energy.seq}/"))
    assert page.cells("meters", "tbody tr.meter") == ["Meter URJ00000001", "Meter URJ00000002"]
    first, last, used, *new = [
        float(text.replace(",", "")) for text in page.cells("meters", "tbody td.figure")
    ]
    assert (first, last, used) == (10_424.6, 10_440.1, 15.5)
    assert new == [0.2, 3.7, 7]
    assert "Use through this meter, kWh 15.5" in page.text
    assert "Use through this meter, kWh 3.5 × 2 7" in page.text
    assert page.cells("meters", "tfoot td") == ["22.5", "14.5"]
    # 8 kWh were charged on the day before: 2 kWh more fill the slab, 12.5 are above it.
    assert page.number("entry-amount") == -(2 * 300 + 12.5 * 500)
    assert "last reading" in page.text


@pytest.fixture
def burnt(database):
    """4.8 kWh on the first day, and at 14:20 of the second the meter is taken away, burnt."""
    from urja.pipeline import post
    from urja.usecases.operations import RemoveMeter, perform

    load()
    home = adopt(1, register_wh=10_000)
    with database.connect() as books:
        town.store_registers(books, registers(home, (START + DAY, 14_800)))
    gone = RemoveMeter(serial="URJ00000001", removed_at=AT, estimated=True)
    perform(gone, recorded_at=AT, actor="test")
    post.run_once(START + 2 * DAY + CUT, CUT)
    return home


def test_a_last_register_without_a_read_is_shown_as_estimated(burnt, browser):
    from urja.apps.billing.queries.ledger_entries import entries

    energy, *_ = [e for e in entries(burnt.account_id, 100) if e.line == "energy"]
    client = browser(user_id=burnt.user_id)
    page = Page(client.get(f"/accounts/{burnt.account_id}/entries/{energy.seq}/"))
    # 4.8 kWh a day for 14 h 20 min.
    assert "17.666" in page.text
    assert "estimated" in page.text
