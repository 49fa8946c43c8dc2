"""A service point's own policy on the console: its form and the page, in both languages."""

import pytest
from tests.apps.town import START
from tests.web.reading import text_of
from tests.web.test_console_connection import section
from tests.web.test_console_operations import done, dry_run

PAGE = "/console/connections/URJ00000002/"
FORM = "/console/operations/change_policy/"
ASKED = {
    "consumer_number": "URJ00000002",
    "effective_on": "2026-03-02",
    "policy": "plain",
    "reason": "agreed with the shop",
}


@pytest.fixture(autouse=True)
def _impatient(database_template, monkeypatch):
    from urja.web.console import operation_page

    monkeypatch.setattr(operation_page, "WAIT_S", 0.0)


@pytest.fixture
def loaded(staff):
    """`demo` is the general policy; `plain` is loaded too."""
    from django.db import connection

    from urja.usecases.policies import load_bundled_policy

    settings = connection.settings_dict
    connection.close()
    before, settings["USER"] = settings["USER"], "urja_owner"
    for name in ("demo.toml", "plain.toml"):
        load_bundled_policy(name, recorded_at=START, actor="test")
    connection.close()
    settings["USER"] = before


def test_the_page_says_which_governs_and_whose_it_is(loaded, colleague):
    client = colleague("clerk")
    assert "General policy: demo 3" in section(client.get(PAGE), "supply")
    at, shown = dry_run(client, FORM, ASKED)
    assert "own policy: – → plain" in text_of(shown)
    assert "Decisions about the supply" in text_of(shown)
    assert " by demo 3 → " in text_of(shown)
    assert "Done: operation" in text_of(done(client, at))
    page = client.get(PAGE)
    assert "Own policy: plain 3" in section(page, "supply")
    assert "prepaid · own policy plain · since 2 March 2026" in section(page, "people")
    assert "Change the policy" in section(page, "life")


def test_an_empty_field_takes_it_away(loaded, colleague):
    client = colleague("clerk")
    done(client, dry_run(client, FORM, ASKED)[0])
    at, shown = dry_run(client, FORM, ASKED | {"policy": ""})
    assert "own policy: plain → –" in text_of(shown)
    done(client, at)
    assert "General policy" in section(client.get(PAGE), "supply")


def test_a_guards_sentence_stands_beside_the_form_in_both_languages(loaded, colleague):
    client = colleague("clerk")
    at, page = dry_run(client, FORM, ASKED | {"policy": "kind"})
    assert "there is no policy &#x27;kind&#x27;: load it first" in page.content.decode()
    hindi = text_of(client.get(at, headers={"Accept-Language": "hi"}))
    assert "नीति &#x27;kind&#x27; नहीं है" in hindi or "नीति 'kind' नहीं है" in hindi


def test_the_page_and_the_form_in_hindi(loaded, colleague):
    client = colleague("clerk", "hi")
    assert "सामान्य नीति: demo 3" in section(client.get(PAGE), "supply")
    form = text_of(client.get(FORM))
    assert "अपनी नीति" in form
    assert "नीति बदलें" in form


def test_of_whom_no_policy_governs_it_is_said(loaded, colleague, database_of_town):
    with database_of_town("urja_owner") as owner, owner.transaction():
        owner.execute("SET LOCAL urja.operation = 1")
        owner.execute("SET LOCAL urja.known_at = '2026-03-02 00:00Z'")
        owner.execute("UPDATE contracts_agreement_terms SET policy = 'nobody-knows'")
    said = "No policy in force applies: the supply is neither warned, disconnected nor reconnected."
    assert said in section(colleague("clerk").get(PAGE), "supply")


def test_what_was_done_before_there_was_such_a_column_did_not_change_it(staff):
    """The history of those days has rows without it."""
    from urja.web.console.effect_words import effects

    before = {"id": 7, "sanctioned_load_w": 5000}
    after = before | {"sanctioned_load_w": 7000, "policy": ""}
    change = {"table": "contracts_agreement_terms", "row_id": 7, "before": before, "after": after}
    (row,) = effects({"changes": [change]}, names=True).rows
    assert row.lines == ["sanctioned load: 5 kW → 7 kW"]
