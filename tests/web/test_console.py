"""The control room: what it shows, and to whom."""

import json
from html import unescape

import pytest
from tests.logs import logged
from tests.web import town_cast
from tests.web.conftest import connected_as
from tests.web.reading import text_of

from urja.apps.readings.kinds import Reason


@pytest.fixture
def operator(someone, at_noon):
    return someone(at_noon.operator_id)


def section(response, name):
    """The text of one card."""
    page = response.content.decode()
    part = page.split(f'aria-labelledby="{name}-title"', 1)[1].split("</section>", 1)[0]
    return text_of(type("Part", (), {"content": f"<p {part}".encode()})())


def test_one_page_shows_how_the_supply_stands(operator):
    page = operator.get("/console/")
    assert section(page, "ages").startswith(
        "Newest interval of each supply today, 13:42 within the hour 5 within three hours 0"
    )
    assert "Overdue intervals: 0. Exceptions so far, readings refused or contradicted: 0." in section(
        page, "ages"
    )
    assert section(page, "standings") == "Accounts by state disconnected for credit 1 in credit 3 warned 1"


def test_exceptions_lead_to_the_supply_or_the_meter(operator, database_of_town):
    with database_of_town("urja_owner") as owner:
        [(installed, serial, number)] = owner.execute(
            "SELECT d.id, d.serial, s.consumer_number FROM assets_device d "
            "JOIN assets_device_period p ON p.device_id = d.id JOIN network_service_point s ON s.id = p.service_point_id "
            "WHERE s.purpose = 'consumer' ORDER BY d.id LIMIT 1"
        ).fetchall()
        for device, reason, detail in [
            (installed, Reason.RUNS_BACK, "1"),
            (installed, Reason.RUNS_BACK, "2"),
            (1, Reason.NO_DEVICE_PERIOD, "3"),
        ]:
            owner.execute(
                "INSERT INTO readings_exception (device_id, kind, at, reason, detail, correlation, received_at, recorded_at) "
                "VALUES (%s, 'register', %s, %s, %s, 0, %s, %s)",
                [device, town_cast.NOW, reason, detail, town_cast.NOW, town_cast.NOW],
            )
    page = operator.get("/console/")
    ages = section(page, "ages")
    assert "Exceptions so far, readings refused or contradicted: 3. The last exceptions, by meter" in ages
    assert f"{serial} the register runs back today, 13:42 · 2 readings" in ages
    assert "unknown meter no meter was installed at a service point then today, 13:42 · 1 reading" in ages
    assert (
        f'<a href="/console/connections/{number}/">' in page.content.decode().split("exceptions, by meter")[1]
    )


def test_an_account_whose_agreement_has_ended_is_not_counted(someone, at_noon, database_of_town):
    with database_of_town("urja_owner") as owner, owner.transaction():
        owner.execute("SET LOCAL urja.operation = 1; SET LOCAL urja.known_at = '2026-03-01 00:00Z'")
        for table in ("contracts_agreement_terms", "contracts_agreement"):
            owner.execute(f"UPDATE {table} SET valid_to = %s WHERE valid_to IS NULL", [town_cast.NOW])
    assert "No account has been evaluated yet." in section(
        someone(at_noon.operator_id).get("/console/"), "standings"
    )


def test_what_was_switched_today_with_its_reason(operator):
    page = operator.get("/console/")
    assert section(page, "cuts") == (
        "Disconnected today 1 Jamun House URJ00000002 · today, 11:42 The credit was used up; ₹112.50 was needed to reconnect. "
        "confirmed by the meter"
    )
    assert section(page, "connects") == "Reconnected today 0 No supply was reconnected today."


def test_disconnections_due_tomorrow_with_the_amount_owed(operator):
    planned = section(operator.get("/console/"), "planned")
    assert planned.startswith("Due for disconnection tomorrow, 3 March 1 · ₹4.10 owed")
    assert "Palash House URJ00000005 · T2 · 13:42–16:42" in planned
    assert planned.endswith("−₹4.10")


def test_what_needs_a_site_visit(operator):
    page = operator.get("/console/")
    assert section(page, "persons") == (
        "Needs a site visit 2 North T1 "
        "Inspect: the loss behind the transformer is above the limit today, 11:30 · 0.8 of 2 kWh lost "
        "Jamun House URJ00000002 "
        "Inspect: the register advances after a confirmed disconnection today, 12:42"
    )
    assert section(page, "paid") == "Paid, but disconnected 0 No paid-up supply is disconnected."


def test_the_balance_of_each_transformer(operator):
    losses = section(operator.get("/console/"), "losses")
    assert "T1 North 2 1.2 40.0 % above the limit" in losses
    assert "T2 South 0.86 0.8 7.0 %" in losses
    assert losses.count("above the limit") == 1


def test_paid_but_disconnected_says_since_when_and_the_command_state(
    town_books, someone, at_noon, database_of_town
):
    from urja.web.console import views

    house = town_books.adopted[1]
    with database_of_town("urja_owner") as owner:
        owner.execute(
            "INSERT INTO supply_reconnection (credit_id, account_id, paid_at, paid_wall_ms, seen_at, seen_wall_ms, outcome)"
            " SELECT id, account_id, %s, 1, %s, 1, '' FROM books_credit_request WHERE account_id = %s",
            [town_cast.NOW, town_cast.NOW, house.account_id],
        )
    views._drawn.clear()
    text = section(someone(at_noon.operator_id).get("/console/"), "paid")
    assert text == "Paid, but disconnected 1 Jamun House URJ00000002 confirmed by the meter paid today, 13:42"


def test_a_failing_service_is_an_alarm_with_its_consequence(someone, at_noon, database_of_town):
    with database_of_town("urja_owner") as owner:
        owner.execute(
            "INSERT INTO supply_health (at, collection, payments, messaging, figures) VALUES (%s, true, false, true, '{}')",
            [town_cast.NOW],
        )
    text = text_of(someone(at_noon.operator_id).get("/console/"))
    assert (
        "Payments are failing: no supply is disconnected for credit while consumers may be unable to pay."
        in text
    )
    assert "Readings are not arriving" not in text


@pytest.mark.parametrize(
    ("everywhere", "language", "words"),
    [
        (True, "en", "Readings are not arriving here, so no supply is disconnected for credit: Section North (3 of 25 meters)"),
        (False, "en", "supplies are disconnected for credit in areas alone whose readings arrive."),
        (True, "hi", "Section North (25 में से 3 मीटर)"),
    ],
)  # fmt: skip
def test_an_area_without_readings_is_an_alarm(
    staff, colleague, database_of_town, everywhere, language, words
):
    from urja.web.console import views

    with database_of_town("urja_owner") as owner:
        owner.execute(
            "INSERT INTO supply_health (at, collection, payments, messaging, figures) VALUES (%s, %s, true, true, '{}')",
            [town_cast.NOW, everywhere],
        )
        owner.execute(
            "INSERT INTO supply_area_health (node_id, from_at, collection, meters, meters_young) "
            "SELECT id, %s, code <> 'NORTH', 25, CASE code WHEN 'NORTH' THEN 3 ELSE 25 END "
            "FROM network_node WHERE level = 'section'",
            [town_cast.NOW],
        )
    views._drawn.clear()
    assert words in text_of(colleague("control_room", language).get("/console/"))


def test_what_the_laws_have_found_is_shown_and_a_broken_one_stands_above_all(someone, at_noon):
    def found(laws):
        from urja.apps.proofs import law_runs
        from urja.web.console import views

        with connected_as("urja_pipeline"):
            law_runs.record(town_cast.NOW.date(), town_cast.NOW, 1, 0, 0, laws)
        views._drawn.clear()
        return someone(at_noon.operator_id).get("/console/")

    page = someone(at_noon.operator_id).get("/console/")
    assert "The ledger checks have not run yet." in section(page, "ages")
    page = found({"chains": (), "balances": ()})
    assert "Ledger checks of 2 March: 2 of 2 passed." in section(page, "ages")
    assert "Ledger checks failed" not in text_of(page)
    page = found({"chains": ("entry 1 of account 1",), "balances": ()})
    assert "1 of 2 passed" in section(page, "ages")
    assert "Ledger checks failed on 2 March: chains. Run urja verify." in text_of(page)


def test_nothing_at_all_is_said_in_words(database, web_role, standing_clock):
    from django.contrib.auth import get_user_model
    from django.test import Client

    from urja.web.console import views

    views._drawn.clear()
    with connected_as("urja_owner"), database.connect() as owner:
        user = get_user_model().objects.create_user("operator", "operator@example.org")
        owner.execute(
            "INSERT INTO identity_employment (id, user_id, role, valid_from, recorded_at, actor) "
            "VALUES (1, %(user)s, 'control_room', %(at)s, %(at)s, 'test')",
            {"user": user.pk, "at": town_cast.NOW},
        )
    client = Client(headers={"host": "localhost"})
    client.force_login(user)
    page = client.get("/console/")
    assert "No service point has an agreement yet." in section(page, "ages")
    assert "No account has been evaluated yet." in section(page, "standings")
    assert "No supply was disconnected today." in section(page, "cuts")
    assert "No disconnections are due tomorrow." in section(page, "planned")
    assert "No transformers recorded." in section(page, "losses")
    assert "No site visits are needed." in section(page, "persons")
    assert (
        section(page, "revenue")
        == "Settlements from the payment service ₹0.00 in transit No settlements yet."
    )
    assert section(page, "unmatched") == "Unmatched payments 0 Every payment matches its order."


def test_an_unchanged_page_is_not_sent_again(operator):
    first = operator.get("/console/live/")
    assert first.status_code == 200
    assert operator.get("/console/live/", headers={"if-none-match": first["ETag"]}).status_code == 304


@pytest.mark.parametrize("address", ["/console/", "/console/live/"])
def test_a_stranger_is_asked_to_sign_in(someone, address):
    response = someone().get(address)
    assert response.status_code == 302
    assert response.headers["Location"] == f"/sign-in/?next={address}"


@pytest.mark.parametrize("address", ["/console/", "/console/live/"])
def test_a_consumer_gets_a_missing_page_and_it_is_logged(someone, at_noon, address):
    with logged() as logs:
        response = someone(at_noon.consumer_id).get(address)
    assert response.status_code == 404
    assert "Control room" not in text_of(response)
    (refusal,) = [entry for entry in logs if entry["event"] == "access refused"]
    assert refusal["user"] == at_noon.consumer_id
    assert refusal["path"] == address


def test_who_leaves_the_control_room_sees_it_no_more(at_noon, operator):
    from django.db import connection

    from urja.usecases.operations import dismiss

    assert operator.get("/console/").status_code == 200
    of_connection = connection.settings_dict
    connection.close()
    before, of_connection["USER"] = of_connection["USER"], "urja_owner"
    dismiss(at_noon.operator_email, "control_room", recorded_at=town_cast.NOW, actor="test")
    connection.close()
    of_connection["USER"] = before
    assert operator.get("/console/").status_code == 404


def test_employing_twice_is_employing_once(at_noon):
    from urja.usecases.operations import employ

    stamp = {"recorded_at": town_cast.NOW, "actor": "test"}
    again = employ("Operator@Street.example", "Operator", "control_room", **stamp)
    assert again.pk == at_noon.operator_id
    assert again.employments.count() == 1
    assert not again.has_usable_password()


def test_the_web_cannot_give_the_role(someone):
    from django.db import ProgrammingError, connection

    with pytest.raises(ProgrammingError, match="permission denied"), connection.cursor() as cursor:
        cursor.execute("INSERT INTO identity_employment DEFAULT VALUES")


def test_the_control_room_in_hindi(someone, at_noon):
    text = text_of(someone(at_noon.operator_id, "hi").get("/console/"))
    assert "नियंत्रण कक्ष" in text
    assert "आज आपूर्ति बंद की गई" in text


@pytest.mark.parametrize(
    ("language", "words"),
    [("en", "Disconnect at the site: the meter has no relay"), ("hi", "मीटर में रिले नहीं है")],
)
def test_a_work_order_to_switch_on_site_needs_a_visit(someone, at_noon, database_of_town, language, words):
    with database_of_town("urja_owner") as owner:
        owner.execute(
            "INSERT INTO work_order (id, kind, device_id, service_point_id, state, opened_at, asked, result) "
            "SELECT 2, 'switch_off_by_hand', device_id, service_point_id, state, opened_at, "
            "jsonb_build_object('reason', %s::jsonb), result "
            "FROM work_order",
            [json.dumps(town_cast.CUT.to_json())],
        )
    shown = section(someone(at_noon.operator_id, language).get("/console/"), "persons")
    assert words in shown
    assert "₹112.50" in shown


LISTED = (
    "Unmatched payments 2 "
    "pay_1 order 77 · today, 13:42 The amount paid differs from the order ₹200.50 "
    "pay_2 order order_9 · today, 13:42 Payment for an unknown order ₹100.00 "
    "These payments are credited only after they have been clarified with the payment service."
)
UNMATCHED = (
    "INSERT INTO payments_unmatched (provider, payment_id, order_id, amount_minor, reason, detail, seen_at) "
    "VALUES ('razorpay', 'pay_1', 77, 20050, 'other_amount', '{}', %(at)s), "
    "('razorpay', 'pay_2', NULL, 10000, 'unknown_order', '{\"provider_order_id\": \"order_9\"}', %(at)s)"
)


@pytest.mark.parametrize(
    ("language", "words"),
    [("en", LISTED), ("hi", "भुगतान की राशि ऑर्डर की राशि से अलग है")],
)
def test_unmatched_payments_are_listed(someone, at_noon, database_of_town, language, words):
    with database_of_town("urja_owner") as owner:
        owner.execute(UNMATCHED, {"at": town_cast.NOW})
        owner.execute(
            "INSERT INTO payments_unmatched (provider, payment_id, amount_minor, reason, detail, seen_at, closed_at) "
            "VALUES ('razorpay', 'pay_3', 1, 'second_payment', '{}', %(at)s, %(at)s)",
            {"at": town_cast.NOW},
        )
    shown = section(someone(at_noon.operator_id, language).get("/console/"), "unmatched")
    assert words in unescape(shown)
    assert "pay_3" not in shown


PAID_OUT = (
    (
        "INSERT INTO payments_settlement_report (provider, day, asked_at, last_error) "
        "VALUES ('razorpay', %(at)s, %(at)s, 'it answers 503')"
    ),
    (
        "INSERT INTO payments_settlement_row (provider, entity_id, kind, payment_id, settlement_id, utr, day, "
        "amount_minor, currency, fee_minor, tax_minor, credit_minor, debit_minor, created_at, settled_at, seen_at, "
        "matched_at) VALUES "
        "('razorpay', 'pay_1', 'payment', '', 'setl_1', 'UTR7', %(at)s, 100000, 'INR', 2360, 360, 97640, 0, %(at)s, "
        "%(at)s, %(at)s, %(at)s), "
        "('razorpay', 'rfnd_1', 'refund', 'pay_1', 'setl_1', 'UTR7', %(at)s, 10000, 'INR', 0, 0, 0, 10000, %(at)s, "
        "%(at)s, %(at)s, NULL)"
    ),
    (
        "INSERT INTO payments_unmatched (provider, payment_id, amount_minor, reason, detail, seen_at) "
        "VALUES ('razorpay', 'rfnd_1', 10000, 'settled_unknown', '{}', %(at)s)"
    ),
)


@pytest.mark.parametrize(
    ("language", "words"),
    [
        (
            "en",
            [
                "₹1,000.00 paid, ₹100.00 refunded, ₹23.60 fees 1 of 2 match the ledger ₹876.40",
                "To be clarified: 1 rfnd_1 today, 13:42 Paid out to us, but not in our records",
                "The payment service has not reported its settlements of",
                "UTR7",
            ],
        ),
        ("hi", ["₹1,000.00 भुगतान, ₹100.00 वापसी, ₹23.60 शुल्क", "हमारे रिकॉर्ड में नहीं है"]),
    ],
)
def test_what_was_paid_out_and_what_does_not_fit(someone, at_noon, database_of_town, language, words):
    with database_of_town("urja_owner") as owner:
        for statement in PAID_OUT:
            owner.execute(statement, {"at": town_cast.NOW})
    page = someone(at_noon.operator_id, language).get("/console/")
    shown = unescape(section(page, "revenue"))
    for expected in words:
        assert expected in shown
    # A difference of a settlement is no payment that waits to be credited.
    assert "rfnd_1" not in section(page, "unmatched")


def test_staff_without_an_account_are_led_to_the_console(someone, at_noon, database_of_town):
    operator = someone(at_noon.operator_id)
    led = operator.get("/")
    assert (led.status_code, led["Location"]) == (302, "/console/")
    assert "My own supply" not in text_of(operator.get("/console/"))
    with database_of_town("urja_owner") as owner:
        owner.execute("SET urja.operation = 1; SET urja.known_at = '2026-03-01 00:00Z'")
        owner.execute(
            "UPDATE people_person p SET user_id = %s FROM identity_account_access x "
            "WHERE x.person_id = p.id AND x.account_id = %s",
            [at_noon.operator_id, at_noon.adopted[0].account_id],
        )
    assert operator.get("/").status_code == 200
    assert 'href="/"' in operator.get("/console/").content.decode().split("My own supply")[0][-40:]


def test_the_control_room_says_what_is_to_be_seen_to(operator, database_of_town):
    from urja.apps.readings import alarms
    from urja.base.sentences import to_plain
    from urja.stream.quarantine import Fill
    from urja.web.console import views

    said = alarms.of_quarantine([Fill("unknown", 100, 1000, 64 << 20, 1, ("10.0.0.0/24",))])
    with database_of_town("urja_pipeline") as pipeline:
        pipeline.execute(
            "INSERT INTO readings_alarm VALUES ('quarantine', %s, %s)",
            [json.dumps([to_plain(one) for one in said]), town_cast.NOW],
        )
    try:
        views._drawn.clear()
        english = text_of(operator.get("/console/"))
        assert "share of 10.0.0.0/24: check them with urja quarantine list" in english
        hindi = text_of(operator.get("/console/", headers={"accept-language": "hi"}))
        assert "क्वारंटीन में 10.0.0.0/24 का हिस्सा" in hindi
    finally:
        with database_of_town("urja_owner") as owner:
            owner.execute("DELETE FROM readings_alarm")
        views._drawn.clear()


@pytest.mark.parametrize(("language", "words"), [("en", "Go to the console"), ("hi", "कंसोल पर जाएँ")])
def test_staff_get_back_to_the_console_from_a_missing_page(colleague, language, words):
    page = colleague("clerk", language).get("/console/nowhere/")
    assert page.status_code == 404
    assert words in text_of(page)
    assert "My supply" not in text_of(page)
