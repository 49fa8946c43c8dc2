"""The page of a service point: each part only for callers who may read it, and the history."""

from datetime import timedelta

import pytest
from tests.cosem.meter_types import write_type
from tests.web import town_cast
from tests.web.reading import text_of

from urja.cosem.companion import read_type_folder

PAGE = "/console/connections/URJ00000002/"


def section(response, name):
    page = response.content.decode()
    part = page.split(f'aria-labelledby="{name}-title"', 1)[1].split("</section>", 1)[0]
    return text_of(type("Part", (), {"content": f"<p {part}".encode()})())


@pytest.fixture
def told(at_noon, database_of_town, staff):
    """Of the second house: a payment that waits, a power failure, a notice; and an operation beside the adoption."""
    house = at_noon.adopted[1]
    with database_of_town("urja_owner") as owner:
        owner.execute(
            "INSERT INTO readings_event (service_point_id, device_id, occurred_at, correlation, received_at, code, state, "
            "source, clock_status) VALUES (%s, %s, %s, 1, %s, 251, 0, 1, 0)",
            [house.service_point_id, house.device_id, town_cast.NOW - timedelta(minutes=50), town_cast.NOW],
        )
        owner.execute(
            "INSERT INTO assets_seal (id, device_id, number, place, applied_at, recorded_at, actor) "
            "VALUES (1, %(device)s, 'S-77', 'cover', %(at)s, %(at)s, 'test')",
            {"device": house.device_id, "at": town_cast.START},
        )
        owner.execute(
            "INSERT INTO assets_configuration (id, device_id, item, desired, actual, recorded_at, actor) "
            "VALUES (1, %(device)s, 'load_limit_w', '3000', '5000', %(at)s, 'test')",
            {"device": house.device_id, "at": town_cast.START},
        )
        owner.execute(
            "INSERT INTO billing_arrear (id, account_id, bill, due_on, principal_minor, surcharge_minor, recorded_at, actor) "
            "VALUES (1, %s, 'B-9', '2026-01-10', 120050, 5000, %s, 'test')",
            [house.account_id, town_cast.START],
        )
        owner.execute(
            "INSERT INTO billing_instalment_plan (id, account_id, every, amount_minor, valid_from, recorded_at, actor) "
            "VALUES (1, %(account)s, 'day', 5000, %(at)s, %(at)s, 'test')",
            {"account": house.account_id, "at": town_cast.START},
        )
    return house


def test_intervals_that_nothing_has_confirmed_are_told_beside_the_meter(told, colleague, database_of_town):
    with database_of_town("urja_pipeline") as pipeline:
        pipeline.execute(
            "INSERT INTO readings_unconfirmed (device_id, start_at, service_point_id, length_s, channel_set, values, correlation,"
            " received_at) VALUES (%s, %s, %s, 1800, 1, '{500}', 1, %s)",
            [told.device_id, town_cast.NOW, told.service_point_id, town_cast.NOW],
        )
    meters = section(colleague("clerk").get(PAGE), "meters")
    assert "last interval ended today, 13:30 · intervals to today, 14:" in meters
    assert "received, not yet confirmed" in meters


def test_a_meter_that_has_not_passed_says_why_and_is_called_again(told, colleague, database_of_town):
    with database_of_town("urja_owner") as owner:
        owner.execute("ALTER TABLE assets_device_period DISABLE TRIGGER USER")
        period = owner.execute(
            "UPDATE assets_device_period SET commissioned_at = NULL WHERE device_id = %s RETURNING id",
            [told.device_id],
        ).fetchone()[0]
        owner.execute(
            "INSERT INTO commissioning_call (id, device_id, service_point_id, device_period_id, state, asked_at, actor,"
            " relay_test, payment_mode, commands, checks, ended_at) VALUES (1, %s, %s, %s, 'failed', %s, 'test', false,"
            " '', '{}', %s, %s)",
            [
                *(told.device_id, told.service_point_id, period, town_cast.NOW),
                '[{"check": "register", "passed": false, "found": "1", "says": "the register shows 1 Wh"}]',
                town_cast.NOW,
            ],
        )
    page = colleague("clerk").get(PAGE)
    assert "Commissioning failed today, 13:42:" in section(page, "meters")
    assert "the register shows 1 Wh. Commission it again" in section(page, "meters")
    assert "/console/operations/commission/?serial=URJ00000002" in page.content.decode()
    with database_of_town("urja_owner") as owner:
        owner.execute("UPDATE commissioning_call SET state = 'asked', ended_at = NULL")
    assert "It is being called" in section(colleague("clerk").get(PAGE), "meters")


def test_sums_are_in_the_currency_of_the_account(told, colleague, database_of_town):
    with database_of_town("urja_owner") as owner:
        owner.execute("ALTER TABLE books_account DISABLE TRIGGER USER")
        owner.execute("UPDATE books_account SET currency = 'KWD' WHERE id = %s", [told.account_id])
    page = colleague("clerk").get(PAGE)
    money = section(page, "money")
    assert "KWD 120.050 and KWD 5.000 surcharge" in money
    assert "Instalments KWD 5.000 daily" in money
    assert "₹" not in money
    assert "Opening credit, +KWD 2.000" in section(page, "life")


def test_events_of_a_loaded_type_have_its_words(told, colleague, database_of_town, tmp_path):
    """A code of its own, one that it does not list, and a status bit that it does not list."""
    files = read_type_folder(write_type(tmp_path / "m7"))
    with database_of_town("urja_owner") as owner:
        owner.execute(
            "INSERT INTO meter_types_version (name, version, valid_from, firmware, text, sha256, loaded_at, actor)"
            " VALUES ('acme-m7-fw3', '1', '2026-01-01', '{}', %s, %s, %s, 'test')",
            [files.text, files.sha256, town_cast.START],
        )
        with owner.transaction():
            owner.execute(
                "SELECT set_config('urja.operation', '1', true), set_config('urja.known_at', %s, true)",
                [town_cast.START.isoformat()],
            )
            owner.execute(
                "UPDATE assets_device SET device_type = 'acme-m7-fw3' WHERE id = %s", [told.device_id]
            )
        for code in (191, 830, -1060):
            owner.execute(
                "INSERT INTO readings_event (service_point_id, device_id, occurred_at, correlation, received_at, code,"
                " state, source, clock_status) VALUES (%s, %s, %s, 1, %s, %s, 2, 1, 0)",
                [told.service_point_id, told.device_id, town_cast.NOW, town_cast.NOW, code],
            )
    life = section(colleague("clerk").get(PAGE), "life")
    assert "Apparent energy: lag only meter URJ00000002" in life
    assert "Event 830 meter URJ00000002" in life
    assert "Status bit 60 (not listed by the meter type) meter URJ00000002" in life
    assert "The cover was opened meter URJ00000002" in life


def test_a_clerk_sees_all_of_it(told, colleague):
    page = colleague("clerk").get(PAGE)
    text = text_of(page)
    assert (
        "Jamun House Consumer number URJ00000002 2 Gulmohar Street, Jhotwara 302012 · Map fed by T1" in text
    )
    assert section(page, "supply").startswith(
        "Supply disconnected Disconnected. The supply is disconnected because the credit is used up; a payment of ₹112.50 reconnects it. disconnected for credit since today, 11:42"
    )
    people = section(page, "people")
    assert "Sunita Devi now since 2 March 2026 Sunita Devi · +919829000002 · jamun@street.example" in people
    assert "demo-domestic · 3 kW · prepaid · since 2 March 2026" in people
    meters = section(page, "meters")
    assert (
        "URJ00000002 billing meter · since 2 March 2026 urja-d1 · last interval ended today, 13:30" in meters
    )
    assert "load limit, W 5000 should be 3000" in meters
    assert "Seals: S-77 (cover) since 2 March 2026" in meters
    money = section(page, "money")
    assert "Credit pending ₹20.00" in money
    assert "Bill B-9, due 10 January 2026 ₹1,200.50 and ₹50.00 surcharge" in money
    assert "Instalments ₹50.00 daily, first instalment on 2 March 2026" in money


def test_a_billing_calendar_of_its_own_stands_with_the_agreement(told, colleague, database_of_town):
    with database_of_town("urja_owner") as owner, owner.transaction():
        owner.execute(
            "SELECT set_config('urja.operation', '1', true), set_config('urja.known_at', %s, true)",
            [town_cast.START.isoformat()],
        )
        owner.execute("UPDATE contracts_agreement SET billing_day = 12 WHERE id = %s", [told.agreement_id])
    people = section(colleague("clerk").get(PAGE), "people")
    assert "now since 2 March 2026 · billing day 12" in people
    then = text_of(colleague("clerk").get(f"{PAGE}?valid_at=2026-03-03T12:00"))
    assert "billing day 12" in then


def test_the_history_is_newest_first(told, colleague):
    life = section(colleague("clerk").get(PAGE), "life")
    order = [
        "today, 12:52 The cover was opened meter URJ00000002",
        "today, 12:42 Inspect: the register advances after a confirmed disconnection open",
        "today, 11:42 Disconnect confirmed by the meter today, 11:43 · The credit was used up",
        "Disconnected for credit The credit was used up",
        "Opening credit, +₹20.00 not posted yet",
        "Installed meter adopted operation",
    ]
    places = [life.index(words) for words in order]
    assert places == sorted(places)


def test_the_history_is_filtered_and_paged(told, colleague, monkeypatch):
    from urja.web.console import history_page

    client = colleague("clerk")
    events = section(client.get(PAGE, {"kind": "event"}), "life")
    assert "The cover was opened" in events
    assert "confirmed by the meter" not in events
    monkeypatch.setattr(history_page, "ROWS", 1)
    seen, address = [], PAGE
    while address:
        page = client.get(address).content.decode()
        (line,) = page.split('<ol class="line">')[1].split("</ol>")[0].split("<li ")[1:]
        seen.append(line)
        older = page.split('class="button" href="')
        address = PAGE + older[1].split("#")[0].replace("&amp;", "&") if len(older) > 1 else ""
    assert len(seen) == len(set(seen)) == 6
    assert client.get(PAGE, {"before": "nonsense"}).status_code == 200


def test_a_posting_opens_to_its_arithmetic(told, colleague, database_of_town):
    from urja.pipeline import post

    with database_of_town("urja_owner"):
        _as_owner(lambda: post.run_once(town_cast.NOW))
    client = colleague("clerk")
    page = client.get(PAGE).content.decode()
    address = page.split('<ul class="entries">')[1].split('href="')[1].split('"')[0]
    entry = client.get(address)
    assert entry.status_code == 200
    assert "Opening credit +₹20.00" in text_of(entry)
    assert f'href="{PAGE}"' in entry.content.decode()
    other = address.replace("URJ00000002", "URJ00000003")
    assert client.get(other).status_code == 404
    assert colleague("control_room").get(address).status_code == 404


def _as_owner(work):
    from django.db import connection

    settings = connection.settings_dict
    connection.close()
    before, settings["USER"] = settings["USER"], "urja_owner"
    work()
    connection.close()
    settings["USER"] = before


def test_the_control_room_sees_neither_names_nor_telephones_nor_books(told, colleague):
    from urja.apps.identity.models import PersonalRead

    page = colleague("control_room").get(PAGE)
    text = text_of(page)
    assert "The supply is disconnected because" in text
    for hidden in (
        "Sunita",
        "98290",
        "jamun@",
        "Opening credit",
        "Notices No",
        "Bill B-9",
        "adopted",
    ):
        assert hidden not in text
    assert PersonalRead.objects.count() == 0


def test_what_is_read_of_a_person_is_written_down(told, colleague, staff):
    from urja.apps.identity.models import PersonalRead

    colleague("revenue_officer").get(PAGE)
    (read,) = PersonalRead.objects.all()
    assert (read.user_id, read.what, read.read_at) == (
        staff["revenue_officer"],
        "console connection",
        town_cast.NOW,
    )


def test_elsewhere_there_is_no_such_connection(told, colleague):
    client = colleague("clerk_north")
    assert client.get(PAGE).status_code == 200
    assert client.get("/console/connections/URJ00000004/").status_code == 404
    assert client.get("/console/connections/NO/SUCH/").status_code == 404


def test_a_network_meter_has_a_page_too(told, colleague):
    text = text_of(colleague("administrator").get("/console/connections/URJ00000901/"))
    assert "transformer meter" in text or "transformer&#x27;s meter" in text
    assert "No agreement in force" in text


def test_in_hindi(told, colleague):
    text = text_of(colleague("clerk", "hi").get(PAGE))
    assert "इतिहास" in text
    assert "ढक्कन खोला गया" in text


def test_as_it_was_by_what_was_known(colleague, staff):
    """A changed load shows from the time it was recorded; a person who is shown is recorded as read."""
    from datetime import date

    from tests.web.console_staff import answer_requests

    from urja.apps.identity.models import PersonalRead
    from urja.apps.journal import requests
    from urja.usecases.operations import ChangeLoad

    client, now = colleague("clerk"), town_cast.NOW
    asked = ChangeLoad(consumer_number="URJ00000002", effective_on=date(2026, 3, 2), sanctioned_load_w=4500)
    requests.submit(asked, actor=f"user {staff['clerk']}", requested_at=now)
    assert answer_requests() == 1
    assert "View an earlier state" in text_of(client.get(PAGE))

    def shown(known_at):
        return text_of(client.get(PAGE, {"valid_at": now.isoformat(), "known_at": known_at.isoformat()}))

    before, after = shown(now - timedelta(minutes=1)), shown(now)
    assert "as known on 2 March 2026, 13:41" in before
    assert "4.5 kW" not in before
    assert "4.5 kW" in after
    assert "Sunita Devi" in after
    assert PersonalRead.objects.filter(what="console connection as of").count() == 2
    assert "This service point was not recorded at that time." in text_of(
        client.get(PAGE, {"known_at": "2020-01-01T00:00"})
    )


def test_a_meter_removed_without_a_read_says_what_is_missing(colleague, staff):
    """Until it is known; with a link to the form for callers who may enter it."""
    from tests.web.console_staff import answer_requests

    from urja.apps.journal import requests
    from urja.usecases.operations import CorrectLastRead, RemoveMeter

    def done(operation):
        requests.submit(operation, actor=f"user {staff['clerk']}", requested_at=town_cast.NOW)
        assert answer_requests() == 1

    gone = town_cast.NOW - timedelta(minutes=3)
    done(RemoveMeter(serial="URJ00000002", removed_at=gone))
    waits = "Removed without a register read. Consumption after today, 00:00 is not charged"
    page = colleague("clerk").get(PAGE)
    assert waits in section(page, "meters")
    assert 'href="/console/operations/correct_last_read/?serial=URJ00000002"' in page.content.decode()
    seen = colleague("control_room").get(PAGE)
    assert waits in section(seen, "meters")
    assert "correct_last_read" not in seen.content.decode()
    done(CorrectLastRead(serial="URJ00000002", estimated=True, reason="the display is dead"))
    assert "without a register read" not in text_of(colleague("clerk").get(PAGE))


def test_readings_of_a_day_with_an_edit_and_what_is_missing(told, colleague, staff, database_of_town):
    """From the readings by the form to the edit, which the page then tells; and the read is recorded."""
    from tests.web.console_staff import answer_requests

    from urja.apps.identity.models import PersonalRead

    with database_of_town("urja_pipeline") as pipeline:
        pipeline.execute(
            "INSERT INTO readings_gap (device_id, start_at, service_point_id, found_at, length_s) VALUES (%s, %s, %s, %s, 1800)",
            [told.device_id, town_cast.READ_TO, told.service_point_id, town_cast.NOW],
        )
    assert f'href="{PAGE}readings/"' in colleague("auditor").get(PAGE).content.decode()
    assert f"{PAGE}readings/" not in colleague("control_room").get(PAGE).content.decode()
    assert colleague("control_room").get(f"{PAGE}readings/").status_code == 404
    assert colleague("clerk_north").get("/console/connections/URJ00000901/readings/").status_code == 404
    assert "Edit" not in text_of(colleague("clerk").get(f"{PAGE}readings/"))
    officer = colleague("revenue_officer")
    page = officer.get(f"{PAGE}readings/")
    assert "1 interval is missing." in text_of(page)
    assert "13:30–14:00 – missing: the meter is asked for it" in text_of(page)
    assert PersonalRead.objects.filter(what="console readings").count() == 2
    form = "/console/operations/edit_interval/?serial=URJ00000002&amp;start_at=2026-03-02T12%3A00"
    assert f'href="{form}"' in page.content.decode()
    asked = officer.get(form.replace("&amp;", "&"))
    assert 'value="2026-03-02T12:00"' in asked.content.decode()
    typed = {"serial": "URJ00000002", "start_at": "2026-03-02T12:00", "reason": "a test load"}
    request = officer.post("/console/operations/edit_interval/", {**typed, "energy_wh": "0.07"}).url
    assert answer_requests() == 1
    assert "Carry out" in text_of(officer.get(request))
    officer.post(f"{request}do/")
    assert answer_requests() == 1
    told_of = text_of(officer.get(f"{PAGE}readings/", {"day": "2026-03-02"}))
    assert "12:00–12:30 0.07 Edit · edited was " in told_of
    assert "Revenue_Officer, today, 13:42: a test load" in told_of
    assert "Edit an interval" in section(officer.get(PAGE), "life")
    hindi = text_of(colleague("revenue_officer", "hi").get(f"{PAGE}readings/"))
    assert "1 अंतराल उपलब्ध नहीं है।" in hindi
    assert "missing" not in hindi
    assert "No intervals on this day." in text_of(officer.get(f"{PAGE}readings/", {"day": "1999-12-31"}))


def test_instants_that_cannot_be_are_marked(colleague):
    page = colleague("clerk").get(PAGE, {"valid_at": "yesterday", "known_at": "2199-01-01T00:00"})
    assert page.status_code == 422
    assert 'value="yesterday" aria-invalid="true"' in page.content.decode()
    assert "This time is in the future: enter the current or an earlier time." in text_of(page)


def test_the_control_room_sees_no_names_of_then_either(colleague):
    page = text_of(colleague("control_room").get(PAGE, {"valid_at": "2026-03-02T12:00"}))
    assert "URJ00000002" in page
    assert "Sunita" not in page
    assert "Agreement" in page


def test_holds_of_a_supply_without_agreement_are_shown(told, colleague, database_of_town):
    with database_of_town("urja_owner") as owner:
        owner.execute(
            "INSERT INTO supply_hold (service_point_id, reason, placed_at, placed_by, note, released_by) "
            "SELECT id, 'vacant', %s, 'clerk', '', '' FROM network_service_point WHERE consumer_number = 'URJ00000901'",
            [town_cast.NOW],
        )
    text = text_of(colleague("administrator").get("/console/connections/URJ00000901/"))
    assert "Supply holds: vacant" in text


def test_a_three_phase_meter_shows_its_phases_its_demand_and_its_export(told, colleague, database_of_town):
    from psycopg.conninfo import make_conninfo
    from tests.conftest import PASSWORD
    from tests.pipeline.test_channel_sets import batch

    from urja.pipeline.ingest import Ingester
    from urja.pipeline.stage import StageConnection
    from urja.quantities.channel_sets import D2_BLOCK
    from urja.stream.subjects import Kind

    at = town_cast.NOW.replace(minute=0)
    block = (2_000, 2_500, 750, 4, 60, 0, 0, 15, 23_011, 22_950, None, 110, 220, 331, None)
    with database_of_town("urja_pipeline") as pipeline:
        session = StageConnection(make_conninfo(pipeline.info.dsn, password=PASSWORD))
    Ingester(session, "Asia/Kolkata").apply(
        [batch(Kind.BLOCK, D2_BLOCK, told.device_id, at, block)], at + timedelta(hours=1)
    )
    session.close()
    meters = section(colleague("clerk").get(PAGE), "meters")
    assert (
        "L1: 230.11 V, 1.1 A · L2: 229.5 V, 2.2 A · L3: – V, 3.31 A · demand so far 5 kVA (today, " in meters
    )
    assert "export since 1 March 2026 0.75 kWh" in meters
    assert "L1: 230.11 V" in section(colleague("clerk", "hi").get(PAGE), "meters")


def test_a_meters_own_registers_its_maximum_and_its_calendar_are_shown(told, colleague, database_of_town):
    from psycopg.conninfo import make_conninfo
    from tests.conftest import PASSWORD
    from tests.pipeline.test_billing_reads import billing_row

    from urja.apps.determinants import meter_calendars
    from urja.pipeline.ingest import Ingester
    from urja.pipeline.stage import StageConnection

    at = town_cast.NOW.replace(minute=0) - timedelta(hours=2)
    plain = {
        "seasons": [{"name": "S1", "month": 1, "day": 1, "week": "W1"}],
        "weeks": [{"name": "W1", "days": [1] * 7}],
        "days": [{"id": 1, "actions": [{"minute": 0, "zone": 1}]}],
    }
    with database_of_town("urja_pipeline") as pipeline:
        session = StageConnection(make_conninfo(pipeline.info.dsn, password=PASSWORD))
        with pipeline.cursor() as cursor:
            cursor.execute(
                "SELECT max(values[1]) FROM readings_register WHERE device_id = %s", [told.device_id]
            )
            ((register_wh,),) = cursor.fetchall()
            meter_calendars.record(
                cursor, told.device_id, at, "TOD", plain, was_set=False, command_id=1, now=at
            )
    row = billing_row(
        told.device_id, at, import_wh=register_wh, import_wh_z1=5_000, import_wh_z2=4_000,
        max_import_va=5_250, max_import_va_at=int(at.timestamp()),
    )  # fmt: skip
    outcome = Ingester(session, "Asia/Kolkata").apply([row], at + timedelta(hours=1))
    assert outcome.refused == 0
    session.close()
    meters = section(colleague("clerk").get(PAGE), "meters")
    assert "kWh, zone 1 5 kWh, zone 2 4 kWh" in meters
    assert "own maximum demand 5.25 kVA (today, " in meters
    assert ": the tariff has no zones, so that none is needed" in meters
    assert "समय-खंड 1" in section(colleague("clerk", "hi").get(PAGE), "meters")


def test_the_newest_statements_of_account_are_listed_with_what_revises_them(
    told, colleague, database_of_town
):
    """Rows without content: the list needs none."""
    with database_of_town("urja_owner") as owner:
        owner.execute("ALTER TABLE statements_statement DISABLE TRIGGER USER")
        for number, revises, total_minor in ((1, None, 51_450), (2, 1, 51_765)):
            owner.execute(
                "INSERT INTO statements_statement (id, bucket, number, agreement_id, account_id, period_start, period_end,"
                " revises_id, through_seq, opening_minor, closing_minor, total_minor, content, previous_sha256, sha256,"
                " made_at) VALUES (%s, 7, %s, %s, %s, '2026-02-01', '2026-03-01', %s, 1, 0, 0, %s, '{}', '', '', %s)",
                [number, number, told.agreement_id, told.account_id, revises, total_minor, town_cast.NOW],
            )
    page = colleague("clerk").get(PAGE)
    assert (
        "Statements of account 7-2 1 February 2026 to 28 February 2026 · Revises statement 7-1. ₹517.65 "
        "7-1 1 February 2026 to 28 February 2026 · Revised by statement 7-2. ₹514.50"
    ) in section(page, "money")
    assert f"/console/statements/{told.account_id}/7-2/URJ00000002/" in page.content.decode()
    assert 'id="statements"' not in colleague("field_engineer").get(PAGE).content.decode()


def test_what_a_roof_has_banked_is_for_who_sees_the_ledger(told, colleague, database_of_town):
    with database_of_town("urja_owner") as owner:
        owner.execute(
            "INSERT INTO billing_unit_bank (agreement_id, period_start, version, as_of, zone, opening_wh, imported_wh,"
            " exported_wh, used_wh, settled_wh, closing_wh, ends, tariff_sha256, recorded_at) SELECT %s, '2026-03-01', 1,"
            " '2026-03-01', 0, 0, 2000, 5000, 2000, 0, 3000, false, sha256, %s FROM rulebook_tariff_version LIMIT 1",
            [told.agreement_id, town_cast.NOW],
        )
    assert (
        "In the bank at the beginning 0 kWh Fed into the grid 5 kWh Set off against use 2 kWh In the bank now 3 kWh"
        in section(colleague("clerk").get(PAGE), "units")
    )
    assert 'aria-labelledby="units-title"' not in colleague("field_engineer").get(PAGE).content.decode()
