"""A secretary, and a thief of a secretary's session, see a society's money: no person, no reading, no other society."""

import io
import itertools
from datetime import timedelta
from decimal import Decimal

import pytest
from tests.apps import town
from tests.apps.town import START, adopt, blocks, registers
from tests.pipeline.test_post import CUT, load as load_tariff
from tests.web import town_cast
from tests.web.conftest import *  # noqa: F403 - fixtures
from tests.web.reading import text_of
from tests.web.test_console_society import society  # noqa: F401 - a fixture

DAY = timedelta(days=1)


def test_the_page_has_money_and_no_people_and_no_hours(society, colleague):  # noqa: F811
    from urja.apps.identity.models import PersonalRead

    client = colleague("secretary")
    address = f"/console/society/{society}/money/"
    assert address in client.get(f"/console/society/{society}/").content.decode()
    seen = client.get(f"{address}?below=100000").content.decode()
    for hidden in ("Ramesh", "98290", "neem@", "svg class", "kWh"):
        assert hidden not in seen
    text = text_of(client.get(f"{address}?below=100000"))
    assert "Balances under the limit 3" in text
    assert "Neem House URJ00000001" in text
    assert "The month-end sheet with what each flat was charged comes when the month is over." in text
    # Whose balances were read is recorded for the auditor.
    assert {row.what for row in PersonalRead.objects.all()} == {"console society money"}
    assert "महीने में जमा" in text_of(colleague("secretary", "hi").get(address))


@pytest.mark.parametrize("below", ["", "x", "1e999", "NaN", "-0", "9" * 40])
def test_a_strange_limit_is_no_error(society, colleague, below):  # noqa: F811
    assert (
        colleague("secretary").get(f"/console/society/{society}/money/", {"below": below}).status_code == 200
    )


def test_of_the_month_in_progress_there_is_no_sheet(society, colleague):  # noqa: F811
    """Charges of a flat from day to day would be its load curve."""
    client = colleague("secretary")
    for form, month in itertools.product(("xlsx", "csv"), ("", f"{town_cast.NOW:%Y-%m}", "2999-01")):
        assert client.get(f"/console/society/{society}/sheet.{form}", {"month": month}).status_code == 404
    assert client.get(f"/console/society/{society}/sheet.csv?month=2026-02").status_code == 200
    assert client.get(f"/console/society/{society}/sheet.exe?month=2026-02").status_code == 404


def test_another_society_and_other_roles_have_nothing(society, colleague):  # noqa: F811
    from urja.apps.network.models import Premise

    other = Premise.objects.get(name="Kadam House").id
    for path in ("money/", "sheet.csv?month=2026-02", "sheet.xlsx?month=2026-02"):
        assert colleague("secretary").get(f"/console/society/{other}/{path}").status_code == 404
        assert colleague("fitter_north").get(f"/console/society/{society}/{path}").status_code == 404


def test_no_balance_shows_the_charge_of_a_day(database):
    """Neither the balance nor the limit, which could be tried out, moves before the week is over."""
    from urja.apps.overviews.queries import society_money
    from urja.pipeline import post

    load_tariff()
    flat = adopt(1, credit_minor=50_000)
    with database.connect() as connection:
        town.store_registers(connection, registers(flat, (START + DAY, 13_333)))
    week = START + DAY
    town.pay(flat.account_id, 10_000, "pay_1", week)
    post.post_due(START + DAY + timedelta(hours=2), CUT)
    month = START.date().replace(day=1)
    [before] = society_money.flats([flat.service_point_id], month, week)
    [after] = society_money.flats([flat.service_point_id], month, week + 7 * DAY)
    assert before.balance_minor == 60_000
    assert after.balance_minor < 60_000


def test_the_sheet_of_a_month_is_exact(database):
    """Two flats, one with use, a recharge and a reversal: each row adds up to the paisa, in Excel as numbers."""
    from openpyxl import load_workbook

    from urja.apps.books.operations import request_credit
    from urja.apps.identity.queries.access import caller_of_user
    from urja.apps.maintenance.queries import maintenance_of
    from urja.apps.network.models import Premise, ServicePoint
    from urja.pipeline import post
    from urja.usecases.operations import PostMaintenance, employ, perform
    from urja.web.console import society_money_page as pages

    load_tariff()
    flats = [adopt(1, credit_minor=50_001), adopt(2)]
    whole = Premise.objects.create(
        id=99, kind="society", name="=Green", code="GP", recorded_at=START, actor="test"
    )
    with town.by_hand():
        points = ServicePoint.objects.filter(id__in=[flat.service_point_id for flat in flats])
        Premise.objects.filter(id__in=points.values("premise_id")).update(parent=whole, name="=A-101")
    with database.connect() as connection:
        town.store_blocks(connection, blocks(flats[0], (START, 3_333)))
        town.store_registers(connection, registers(flats[0], (START + DAY, 13_333)))
    town.pay(flats[0].account_id, 10_007, "pay_1", START + timedelta(hours=1))
    # Maintenance is in columns of its own, and moves none of the others.
    dues = PostMaintenance(premise_code="GP", month=START.date(), each_minor=2500_00)
    perform(dues, recorded_at=START, actor="test")
    request_credit(
        account_id=maintenance_of(flats[0].account_id).account_id, amount_minor=1000_00, kind="maintenance",
        idempotency_key="m", requested_at=START,
    )  # fmt: skip
    for day in range(1, 4):
        post.post_due(START + day * DAY + timedelta(hours=2), CUT)
    now = START + 40 * DAY
    secretary = employ("s@example.org", "S", "secretary", "premise GP", recorded_at=START, actor="test")
    caller = caller_of_user(secretary.pk, now)
    rows = pages.sheet_rows(whole, (START + DAY).date().replace(day=1), caller, now)
    first, second = rows
    assert first[7] == Decimal("100.07")
    assert first[6] < second[6] < 0
    for row in rows:
        opening, charged, received, other, closing, *maintenance = row[5:]
        assert opening + charged + received + other == closing
        assert maintenance[0] + maintenance[1] - maintenance[2] == maintenance[3]
    assert first[10:] == [0, Decimal("2500.00"), Decimal("1000.00"), Decimal("1500.00")]
    sheet = load_workbook(io.BytesIO(pages.excel_of(rows))).active
    found = list(sheet.iter_rows(min_row=2))
    # Texts are strings, also one that begins with an equals sign; amounts are numbers.
    assert {cell.data_type for cell in found[0][:5]} <= {"s", "inlineStr"}
    assert {cell.data_type for cell in found[0][5:]} == {"n"}
    assert [Decimal(str(cell.value)) for cell in found[0][5:]] == first[5:]
    assert found[0][2].value == "=A-101"
    assert pages.csv_of(rows).splitlines()[1].split(",")[2] == "'=A-101"
