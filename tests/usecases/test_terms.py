"""Changes of terms: guards, rows, the meter's configuration, and undoing."""

from datetime import date, timedelta

import pytest
from tests.apps import town
from tests.apps.town import START, adopt
from tests.conftest import begun_with

MARCH = date(2026, 3, 2)
"""The local day that `START` begins."""
NOW = START + timedelta(days=20, hours=9)
TARIFF = """
format = 1
code = "{code}"
version = "1"
title = "A tariff"
currency = "{currency}"
valid_from = 2026-01-01
period_starts_on = {starts_on}
[[line]]
name = "energy"
accrues = "slabs"
slabs = [{{from = 0, rate = "3"}}]
"""


def load_tariff(code, *, currency="INR", starts_on=1):
    from urja.apps.rulebook.operations import load_tariff

    load_tariff(TARIFF.format(code=code, currency=currency, starts_on=starts_on), START)


def adopted(database):
    for code in ("demo", "shop"):
        load_tariff(code)
    return adopt()


database, house = begun_with(adopted)


def day(n):
    """The n-th day of the agreement, 1 being 2 March."""
    return MARCH + timedelta(days=n - 1)


def do(operation, now=NOW):
    from urja.usecases.operations import perform

    return perform(operation, recorded_at=now, actor="clerk")


def change_load(watts, n, number="URJ00000001"):
    from urja.usecases.operations import ChangeLoad

    return ChangeLoad(consumer_number=number, effective_on=day(n), sanctioned_load_w=watts)


def change_category(code, n, category="shop", number="URJ00000001"):
    from urja.usecases.operations import ChangeCategory

    return ChangeCategory(consumer_number=number, effective_on=day(n), tariff_code=code, category=category)


def terms():
    """Each as `day from (or its time): tariff, load, category`."""
    from urja.apps.contracts.models import AgreementTerms

    return [
        f"{(row.valid_from + timedelta(hours=5.5)):%d %b %H:%M}: {row.tariff_code} {row.sanctioned_load_w} {row.category}"
        for row in AgreementTerms.objects.order_by("valid_from")
    ]


def wished(item="load_limit_w"):
    from urja.apps.assets.models import Configuration

    return list(Configuration.objects.filter(item=item).values_list("desired", "actual"))


def refusal(operation):
    from urja.apps.journal.errors import RefusedError

    with pytest.raises(RefusedError) as refused:
        do(operation)
    return refused.value.faults


def test_a_load_is_raised_from_a_day_that_is_past(house):
    entry = do(change_load(7000, 10))
    assert terms() == ["02 Mar 00:00: demo 5000 ", "11 Mar 00:00: demo 7000 "]
    assert entry.service_point_id == house.service_point_id
    assert wished() == [("7000", None)]


def test_load_and_tariff_change_on_one_day(house):
    do(change_load(7000, 10))
    do(change_category("shop", 10))
    assert terms() == ["02 Mar 00:00: demo 5000 ", "11 Mar 00:00: shop 7000 shop"]


def test_what_was_agreed_from_the_beginning_was_wrong(empty_database):
    load_tariff("demo")
    load_tariff("shop")
    adopt(valid_from=START + timedelta(hours=14, minutes=20))
    do(change_category("shop", 1))
    assert terms() == ["02 Mar 14:20: shop 5000 shop"]


def test_undoing_puts_terms_and_wish_back(house):
    from urja.usecases.operations import Undo

    do(change_load(6000, 5))
    entry = do(change_load(7000, 10))
    do(Undo(entry_id=entry.id, reason="the wrong house"))
    assert terms() == ["02 Mar 00:00: demo 5000 ", "06 Mar 00:00: demo 6000 "]
    assert wished() == [("6000", None)]


def test_a_change_to_come_is_no_wish_yet(house):
    from urja.apps.contracts import meter_configuration

    do(change_load(7000, 30))
    do_by = START + timedelta(days=29)
    assert wished() == []
    assert meter_configuration.apply_begun_terms(NOW, do_by - timedelta(seconds=1), "configure") == 0
    assert meter_configuration.apply_begun_terms(NOW, do_by, "configure") == 1
    assert meter_configuration.apply_begun_terms(NOW, do_by, "configure") == 0
    assert wished() == [("7000", None)]


def test_an_ended_agreement_is_corrected_and_its_meter_left_alone(house):
    from urja.apps.contracts.models import Agreement, AgreementTerms

    with town.by_hand():
        for model in (AgreementTerms, Agreement):
            model.objects.update(valid_to=START + timedelta(days=15, hours=14))
    do(change_load(7000, 10))
    assert terms()[1] == "11 Mar 00:00: demo 7000 "
    assert wished() == []
    assert refusal(change_load(7000, 17)) == ["service point URJ00000001 has no agreement on 2026-03-18"]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda: change_load(7000, 10, number="unknown"), "there is no service point unknown"),
        (
            lambda: change_load(7000, -3),
            "service point URJ00000001 has no agreement on 2026-02-26; the next one begins on 2026-03-02",
        ),
        (lambda: change_load(0, 10), "a sanctioned load must be more than 0 W, not 0 W"),
        (
            lambda: change_load(20_000, 10),
            "meter URJ00000001 is rated for 14400 W, less than the sanctioned load of 20000 W: exchange the meter first",
        ),
        (
            lambda: change_load(5000, 10),
            "nothing changes: the terms on 2026-03-11 are sanctioned_load_w 5000 already",
        ),
        (
            lambda: change_category("bakery", 10),
            "no version of tariff 'bakery' is in force on 2026-03-11: load it first (urja tariff load)",
        ),
        (
            lambda: change_category("kiosk", 10),
            "tariff kiosk is in USD, the account is in INR",
        ),
        (
            lambda: change_category("mill", 10),
            "billing periods of demo begin on day 1 of a month, those of mill on day 15: choose a tariff with the same day",
        ),
    ],
)
def test_what_stands_against_a_change(house, change, sentence):
    load_tariff("kiosk", currency="USD")
    load_tariff("mill", starts_on=15)
    assert refusal(change()) == [sentence]
    assert terms() == ["02 Mar 00:00: demo 5000 "]


def test_an_agreement_with_its_own_calendar_takes_a_tariff_of_any(empty_database):
    for code, starts_on in (("demo", 1), ("mill", 15)):
        load_tariff(code, starts_on=starts_on)
    adopt(billing_day=7)
    do(change_category("mill", 10))
    assert terms()[1] == "11 Mar 00:00: mill 5000 shop"
    assert refusal(change_category("bakery", 12)) == [
        "no version of tariff 'bakery' is in force on 2026-03-13: load it first (urja tariff load)"
    ]


def test_terms_that_follow_are_not_run_over(house):
    do(change_category("shop", 12))
    assert refusal(change_load(7000, 10)) == [
        "other terms follow on 2026-03-13 (shop, 5000 W, prepaid): undo those first, then agree both in order"
    ]


NET = """
format = 1
code = "net"
version = "{version}"
title = "A roof"
currency = "INR"
valid_from = 2026-01-01
calendar = "demo-tod"
zones = {zones}
net_metering = {{bank = "zones", settlement_month = 4}}
[[line]]
name = "energy"
accrues = "slabs"
quantity = "netted_import_wh"
slabs = [{{from = 0, rate = "3"}}]
"""


def net(version="1", zones="{normal = 1, solar = 2, peak = 3}"):
    from urja.apps.rulebook.operations import load_tariff

    load_tariff(NET.format(version=version, zones=zones), START)


def adopted_with_a_roof(database):
    from tests.apps.determinants.test_rows import load_tariff as load_calendar

    load_calendar("demo-tod")
    load_tariff("shop")
    net()
    return adopt(tariff_code="net")


@pytest.fixture
def roof(lived):
    with lived(adopted_with_a_roof) as (_database, adopted):
        yield adopted


def test_a_change_that_leaves_banked_units_behind_is_refused(roof):
    from urja.apps.journal.errors import RefusedError

    # 1 April is the 31st day, 1 May the 61st: the period of April has settled by then.
    for n in (10, 31, 62):
        with pytest.raises(RefusedError, match="net banks units that shop does not take on"):
            do(change_category("shop", n))
    do(change_category("shop", 61))


def test_from_the_first_day_of_the_agreement_no_unit_was_banked(roof):
    do(change_category("shop", 1))


def test_a_conversion_leaves_no_banked_units_behind(roof):
    from urja.apps.journal.errors import RefusedError
    from urja.usecases.operations import ConvertToPostpaid

    with pytest.raises(RefusedError, match="net banks units that shop does not take on"):
        do(ConvertToPostpaid(consumer_number="URJ00000001", effective_on=day(10), tariff_code="shop"))


def test_a_version_with_fewer_banks_is_refused(roof):
    from urja.apps.rulebook.errors import UnlikeVersionError

    with pytest.raises(UnlikeVersionError, match="its banks of units are not those of version 1"):
        net("2", "{normal = 1, solar = 2}")
