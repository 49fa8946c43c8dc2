"""The first page: the balance, what was used, what was posted."""

import re
from datetime import timedelta
from types import SimpleNamespace

import pytest
from tests.apps import town
from tests.web import house
from tests.web.reading import elements, text_of


@pytest.fixture
def page(home, browser):
    return browser(user_id=home.owner_id).get("/")


def test_the_balance_stands_with_its_time_and_days_left(home, page):
    from urja.apps.billing import queries
    from urja.web.shared import formats

    balance = queries.fresh_balance(home.account_id, house.NOW)
    words = text_of(page)
    assert (
        f"Balance Powered: the meter last reported today, 13:30. {formats.money(balance.balance_minor)} "
        in words
    )
    assert f"About {int(balance.days_left)} days at your average use" in words
    assert "As of today, 13:30" in words


def test_pending_and_estimated_parts_are_told_where_they_are_not_zero(home, page):
    from urja.apps.billing import queries
    from urja.web.shared import formats

    balance = queries.fresh_balance(home.account_id, house.NOW)
    assert balance.pending_minor
    assert balance.estimated_wh
    words = text_of(page)
    assert f"Posted balance {formats.money(balance.ledger_minor)}" in words
    assert f"Used since then, not posted yet {formats.money(-balance.pending_minor)}" in words
    assert f"Of this, estimated {formats.energy(balance.estimated_wh)}" in words


def test_hours_ahead_and_days_before_the_agreement_are_not_called_missing(page):
    words = text_of(page)
    assert "no interval read yet" not in words
    assert "1 March" not in words.replace("11 March", "")
    assert "14:00" not in words


def test_an_agreement_with_its_own_calendar_shows_its_billing_period(home, browser, database_of):
    def begins_on(day):
        with database_of("urja_owner") as owner, owner.transaction():
            owner.execute(
                "SELECT set_config('urja.operation', '1', true), set_config('urja.known_at', now()::text, true)"
            )
            owner.execute("UPDATE contracts_agreement SET billing_day = %s", [day])

    begins_on(5)
    page = browser(user_id=home.owner_id).get("/")
    assert "5 March to 4 April 2026" in text_of(page)
    assert "Use from 5 March to 4 April 2026, by day" in page.content.decode()
    days = [cell for cell in elements(page, "th", inside="month-table") if "March" in cell or "April" in cell]
    assert (days[0], days[-1], len(days)) == ("5 March", "20 March", 16)
    begins_on(25)
    assert "25 February to 24 March 2026" in text_of(browser(user_id=home.owner_id).get("/"))


def test_the_charts_sum_to_what_the_register_and_the_blocks_say(home, page):
    from urja.apps.contracts.queries import agreement_at
    from urja.apps.readings import queries
    from urja.web.shared import formats

    agreement = agreement_at(home.account_id, house.NOW)
    month = sum(use.energy_wh or 0 for use in queries.use_by_day(agreement, house.NOW.date()))
    assert f"March 2026 {formats.energy(month)}" in text_of(page)
    cells = elements(page, "td", inside="month-table")
    assert sum(round(1000 * float(cell.split()[0])) for cell in cells) == month


def test_a_page_locks_no_other_days_than_it_shows(home, web_role):
    """However long the history is: each day is a table with an index, and a plan by parameters locks all of them."""
    from django.db import connection, transaction

    from urja.apps.contracts.queries import agreement_at
    from urja.apps.readings import queries
    from urja.core.calendar import ONE_DAY, Period

    agreement, today = agreement_at(home.account_id, house.NOW), house.NOW.date()
    with transaction.atomic(), connection.cursor() as cursor:
        assert queries.use_of_month(agreement, today, Period(today, today + ONE_DAY)).hours
        cursor.execute(
            "SELECT count(DISTINCT relation::regclass) FROM pg_locks WHERE pid = pg_backend_pid()"
            " AND relation::regclass::text ~ '^readings_interval_[0-9]+$'"
        )
        (locked,) = cursor.fetchone()
        cursor.execute("SELECT count(*) FROM pg_inherits WHERE inhparent = 'readings_interval'::regclass")
        (days,) = cursor.fetchone()
    assert days > 10
    assert locked <= 3


def test_the_last_days_are_whole_and_their_lines_lead_to_their_arithmetic(home, page):
    from urja.apps.billing.queries import ledger_entries
    from urja.web.shared import formats

    newest = ledger_entries.entries(home.account_id, 3)
    assert (
        f"19 March 2026 {formats.money(sum(entry.amount_minor for entry in newest), signed=True)}"
        in text_of(page)
    )
    body = page.content.decode()
    for entry in newest:
        assert f'href="/accounts/{home.account_id}/entries/{entry.seq}/"' in body
    lines = [line for line in body.splitlines() if 'id="entry-' in line]
    assert len(lines) == 12


def test_no_cache_stores_the_page(page):
    assert "no-store" in page.headers["Cache-Control"]
    assert "private" in page.headers["Cache-Control"]


def test_the_page_speaks_hindi(home, browser):
    words = text_of(browser(user_id=home.owner_id, language="hi").get("/"))
    for phrase in (
        "शेष राशि",
        "आपकी औसत खपत पर लगभग",
        "स्थिति: आज, 13:30 बजे",
        "ऊर्जा शुल्क",
        "शुल्क और भुगतान",
        "मार्च 2026",
    ):
        assert phrase in words
    for phrase in ("Balance", "average use", "Energy charge", "March"):
        assert phrase not in words


def test_who_has_several_connections_chooses(home, browser):
    client = browser(user_id=home.landlord_id)
    words = text_of(client.get("/"))
    assert "My supplies" in words
    assert "Shop 4, Market Road" in words
    assert "Shop 5, Market Road" in words
    one = client.get(f"/accounts/{home.landlord_accounts[0]}/")
    assert "All my supplies" in text_of(one)
    assert "As of 2 March, 00:00" in text_of(one)
    assert "Readings are late." in text_of(one)
    # One supply has the same address, and no others to go back to.
    assert "All my supplies" not in text_of(
        browser(user_id=home.owner_id).get(f"/accounts/{home.account_id}/")
    )


@pytest.mark.parametrize(
    ("language", "phrase"),
    [
        ("en", "Readings up to today, 14:00 are received, but your meter has not confirmed them yet."),
        ("hi", "आज, 14:00 बजे तक की रीडिंग मिल गई हैं, पर आपके मीटर ने अभी उनकी पुष्टि नहीं की है।"),
    ],
)
def test_readings_that_nothing_has_confirmed_are_told_and_not_counted(
    home, browser, database_of, language, phrase
):
    before = text_of(browser(user_id=home.owner_id, language=language).get("/"))
    assert phrase not in before
    with database_of("urja_pipeline") as pipeline:
        pipeline.execute(
            "INSERT INTO readings_unconfirmed (device_id, start_at, service_point_id, length_s, channel_set, values, correlation,"
            " received_at) SELECT m.device_id, a.latest_end_at, a.service_point_id, 1800, 1, '{900000}', 1, now()"
            " FROM readings_accrual a JOIN contracts_agreement g ON g.id = a.agreement_id"
            " JOIN assets_device_period m ON m.service_point_id = a.service_point_id AND m.valid_to IS NULL"
            " WHERE a.latest AND g.account_id = %s",
            [home.account_id],
        )
    after = text_of(browser(user_id=home.owner_id, language=language).get("/"))
    assert phrase in after
    assert after.replace("  ", " ").count("₹") == before.count("₹")
    start, end = after.index(phrase), after.index(phrase) + len(phrase)
    assert before.split()[:30] == (after[:start] + after[end:]).split()[:30], "the balance is what it was"


def test_an_account_without_readings_promises_nothing(home, browser):
    words = text_of(browser(user_id=home.landlord_id).get(f"/accounts/{home.landlord_accounts[1]}/"))
    assert "Days left are shown once your average use is known" in words
    assert "Credit pending +₹50.00" in words
    assert "Used up" not in words
    assert "No entries yet" in words
    assert "No interval has been read yet" in words
    assert "Today –" in words
    assert "0 kWh" not in words.replace("0.1 kWh", "")


def test_the_passbook_pages_through_everything_once(home, browser):
    from urja.apps.billing.queries import ledger_entries

    client = browser(user_id=home.owner_id)
    address, seen = f"/accounts/{home.account_id}/entries/", []
    query = ""
    while query is not None:
        body = client.get(address + query).content.decode()
        seen += [int(part.split('"')[0]) for part in body.split('id="entry-')[1:]]
        query = "?before=" + body.split('href="?before=')[1].split('"')[0] if "?before=" in body else None
    assert sorted(seen) == sorted(entry.seq for entry in ledger_entries.entries(home.account_id, 1000))


def test_no_heading_of_the_passbook_is_skipped(home, browser):
    body = browser(user_id=home.owner_id).get(f"/accounts/{home.account_id}/entries/").content.decode()
    assert re.findall("<h([1-6])", body)[:3] == ["1", "2", "3"]


@pytest.mark.parametrize("before", ["x", "-1", "1.5", "9" * 30, "٣"])
def test_a_place_in_the_passbook_is_a_number(home, browser, before):
    response = browser(user_id=home.owner_id).get(f"/accounts/{home.account_id}/entries/", {"before": before})
    assert response.status_code == 404


# The live part.


def live(client, home, tag=None):
    headers = {"if-none-match": tag} if tag else {}
    return client.get(f"/accounts/{home.account_id}/live/", headers=headers)


def test_the_live_part_is_not_sent_again_unchanged(home, browser):
    client = browser(user_id=home.owner_id)
    first = live(client, home)
    assert first.status_code == 200
    assert first.content.decode().startswith('<div id="live"')
    again = live(client, home, first.headers["ETag"])
    assert again.status_code == 304
    assert again.content == b""


def test_the_page_carries_the_tag_of_its_live_part(home, page, browser):
    tag = live(browser(user_id=home.owner_id), home).headers["ETag"].strip('"')
    assert f'{{"If-None-Match": "\\"{tag}\\""}}' in page.content.decode()


def test_another_language_is_another_live_part(home, browser):
    tag = live(browser(user_id=home.owner_id), home).headers["ETag"]
    assert live(browser(user_id=home.owner_id, language="hi"), home, tag).status_code == 200


def test_a_new_minute_draws_the_live_part_again(home):
    from urja.web.portal.home_page import version
    from urja.web.shared.account_card import account_of

    card = account_of(home.owner_id, home.account_id, house.NOW)
    tag = version(card, house.NOW)
    assert version(card, house.NOW + timedelta(seconds=20)) == tag
    assert version(card, house.NOW + timedelta(minutes=1)) != tag


def posting(home, connection):
    from urja.pipeline import post

    credit(home, connection)
    post.run_once(house.NOW)


def credit(home, connection):
    from urja.apps.books.operations import request_credit

    request_credit(
        account_id=home.account_id,
        amount_minor=100,
        kind="payment",
        idempotency_key="x",
        requested_at=house.NOW,
    )


def reading(home, connection):
    place = connection.execute(
        "SELECT service_point_id, device_id FROM readings_accrual WHERE agreement_id = %s",
        [home.agreement_id],
    )
    service_point_id, device_id = place.fetchone()
    rows = town.blocks(
        SimpleNamespace(
            service_point_id=service_point_id, agreement_id=home.agreement_id, device_id=device_id
        ),
        (house.NOW.replace(minute=0), 77),
    )
    town.store_blocks(connection, rows)


def tariff(home, connection):
    from urja.apps.rulebook.operations import load_tariff
    from urja.apps.rulebook.queries.tariffs import bundled_tariffs

    text = bundled_tariffs()["demo-domestic.toml"].replace('version = "2024-1"', 'version = "2024-2"')
    load_tariff(text, house.NOW)


@pytest.mark.parametrize("change", [posting, credit, reading, tariff])
def test_whatever_moves_the_balance_draws_the_live_part_again(home, standing_clock, database_of, change):
    from urja.web.portal.home_page import version
    from urja.web.shared.account_card import account_of

    def tag():
        return version(account_of(home.owner_id, home.account_id, house.NOW), house.NOW)

    before = tag()
    assert tag() == before
    with database_of("urja_pipeline") as connection:
        change(home, connection)
    assert tag() != before


def test_each_reader_has_a_token_of_their_own_and_it_works(home, browser):
    def token(client):
        return re.findall(r'name="csrfmiddlewaretoken" value="(\w{64})"', client.get("/").content.decode())

    owner, member = (browser(user_id=user_id, checks=True) for user_id in (home.owner_id, home.member_id))
    mine, theirs = token(owner), token(member)
    assert len(mine) == len(theirs) == 2
    assert not set(mine) & set(theirs)
    form = {"language": "hi", "next": "/", "csrfmiddlewaretoken": mine[0]}
    assert owner.post("/language/", form).status_code == 302
    assert member.post("/language/", form).status_code == 403


def test_the_cookie_against_forged_forms_is_sent_once(home, browser):
    client = browser(user_id=home.owner_id)
    assert ["csrftoken" in client.get("/").cookies for _ in range(3)] == [True, False, False]


# States of the balance.


@pytest.mark.parametrize(
    ("minor", "days", "state", "words"),
    [
        (50_000, 6, "good", "About 6 days at your average use"),
        (5_000, 1, "low", "About 1 day at your average use"),
        (900, 0, "low", "Less than a day at your average use"),
        (0, 0, "out", "Less than a day at your average use"),
        (-1, 0, "out", "Your credit is used up, but your supply is not disconnected yet. Please recharge."),
        (50_000, None, "good", "Days left are shown once your average use is known"),
    ],
)
def test_the_state_is_said_in_words_and_never_by_colour_alone(home, minor, days, state, words):
    from dataclasses import replace

    from urja.apps.billing import queries
    from urja.web.portal.balance import balance_view
    from urja.web.shared.clock import zone

    balance = replace(queries.fresh_balance(home.account_id, house.NOW), balance_minor=minor, days_left=days)
    shown = balance_view(balance, house.NOW.astimezone(zone()))
    assert shown.state == state
    assert shown.days == words


def test_late_readings_are_said_to_be_late(home):
    from urja.apps.billing import queries
    from urja.web.portal.balance import LATE, balance_view
    from urja.web.shared.clock import zone

    balance = queries.fresh_balance(home.account_id, house.NOW)
    now = house.NOW.astimezone(zone())
    assert not balance_view(balance, now).late
    assert balance_view(balance, now + LATE).late


def test_a_bound_that_is_about_now_is_no_news(django):
    """How long a new account's credit lasts is unknown; of one that runs out a near disconnection is shown."""
    from datetime import timedelta

    from urja.core.policy import Outlook
    from urja.web.shared.standing import told

    def said(ends_in, cut_in):
        ends_at = None if ends_in is None else house.NOW + ends_in
        return told(Outlook(ends_at, house.NOW + cut_in, 0, 0, None), "INR", house.NOW)

    minute, hour = timedelta(minutes=1), timedelta(hours=1)
    assert said(None, minute) == ""
    assert "No disconnection for credit before" in said(None, hour)
    assert "No disconnection for credit before" in said(minute, minute)


def test_only_the_configured_languages_are_offered(home, browser):
    from django.test import override_settings

    from urja.web.settings import web_settings

    client = browser(language="hi", user_id=home.owner_id)
    both = client.get("/").content.decode()
    assert '<html lang="hi"' in both
    assert 'name="language" value="en"' in both
    languages = web_settings(secure=False, demo=False, languages=("en",))["LANGUAGES"]
    with override_settings(LANGUAGES=languages):
        english = client.get("/").content.decode()
    assert '<html lang="en"' in english
    assert 'class="languages"' not in english


@pytest.fixture
def moved_out(home):
    """The agreement ended at 09:42 of the day, with some credit; another consumer's meter goes on."""
    from urja.apps.contracts.models import Agreement, AgreementTerms

    at = house.NOW - timedelta(hours=4)
    with town.by_hand():
        AgreementTerms.objects.filter(agreement_id=home.agreement_id).update(valid_to=at)
        Agreement.objects.filter(id=home.agreement_id).update(valid_to=at)
    return home


def test_after_the_end_of_an_agreement_nothing_is_late_and_nothing_is_asked_for(moved_out, browser):
    person = browser(user_id=moved_out.owner_id)
    words = text_of(person.get("/"))
    assert (
        "Your agreement ended on 20 March 2026. The remaining balance pays old dues first; the rest is returned"
        " to you." in words
    )
    for wrong in ("Powered", "average use", "late", "Recharge", "no interval read yet"):
        assert wrong not in words, wrong
    assert "Today" in words
    words = text_of(person.get(f"/accounts/{moved_out.account_id}/pay/"))
    assert "A payment pays what is still owed; what is paid beyond it is returned to you." in words
    assert "Recharge" not in words
    hindi = text_of(browser(user_id=moved_out.owner_id, language="hi").get("/"))
    assert "आपका अनुबंध 20 मार्च 2026 को समाप्त हुआ।" in hindi


@pytest.fixture
def in_debt(moved_out):
    """The same with 300 rupees owed."""
    house.owe(moved_out.account_id, 30_000)
    return moved_out


def test_what_is_owed_after_the_end_of_an_agreement_is_paid(in_debt, browser):
    person = browser(user_id=in_debt.owner_id)
    words = text_of(person.get("/"))
    assert "−₹300.00 Your agreement ended on 20 March 2026. ₹300.00 is still owed." in words
    assert "Recharge" not in words
    assert 'value="300"' in person.get(f"/accounts/{in_debt.account_id}/pay/").content.decode()
