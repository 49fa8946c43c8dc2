"""Forms of operations: the dry run comes first; errors are shown and typed values are kept."""

import json

import pytest
from tests.web import town_cast
from tests.web.console_staff import answer_requests
from tests.web.reading import text_of

LOAD = "/console/operations/change_load/"
ASKED = {"consumer_number": "URJ00000001", "effective_on": "2026-03-04", "sanctioned_load_w": "4.5"}

CHANGED = {"kind": "change_load", "actor__startswith": "user "}
"""What is done by these pages."""


@pytest.fixture(autouse=True)
def _impatient(database_template, monkeypatch):
    """No stage answers while a page waits: the test answers afterwards."""
    from urja.web.console import operation_page

    monkeypatch.setattr(operation_page, "WAIT_S", 0.0)


def dry_run(client, address, asked):
    """The page of a dry run with its answer."""
    led = client.post(address, asked)
    assert led.status_code == 302, text_of(led)
    waiting = client.get(led["Location"])
    assert 'http-equiv="refresh"' in waiting.content.decode()
    assert "Calculating the effects." in text_of(waiting)
    assert answer_requests() == 1
    return led["Location"], client.get(led["Location"])


def done(client, at):
    led = client.post(f"{at}do/")
    assert led.status_code == 302
    assert "In progress." in text_of(client.get(led["Location"]))
    answer_requests()
    return client.get(led["Location"])


def value(page, name):
    return page.content.decode().split(f'id="{name}" name="{name}" value="')[1].split('"')[0]


def test_a_disconnection_is_said_to_be_one_before_it_is_ordered(colleague):
    """An order is no row of the registry: it was said that nothing about the supply changes."""
    client = colleague("clerk")
    asked = {"consumer_number": "URJ00000001", "reason": "overload", "note": "twice its load"}
    _at, shown = dry_run(client, "/console/operations/disconnect_temporarily/", asked)
    assert "URJ00000001 will be disconnected:" in text_of(shown)
    assert "No change to supply" not in text_of(shown)


def test_first_it_is_shown_and_then_done(colleague):
    from urja.apps.contracts.models import AgreementTerms
    from urja.apps.journal.models import AuditEntry

    client = colleague("clerk")
    at, shown = dry_run(client, LOAD, ASKED)
    text = text_of(shown)
    assert "Dry run: what would change" in text
    assert "sanctioned load: 4.5 kW" in text
    assert "until: – → 4 March 2026, 00:00" in text
    assert 'http-equiv="refresh"' not in shown.content.decode()
    assert not AuditEntry.objects.filter(**CHANGED).exists()
    after = done(client, at)
    entry = AuditEntry.objects.get(**CHANGED)
    assert f"Done: operation {entry.id}" in text_of(after)
    assert entry.actor.startswith("user ")
    assert "Open the service point" in text_of(after)
    assert AgreementTerms.objects.filter(sanctioned_load_w=4500).count() == 1


def test_asked_twice_it_is_done_once(colleague):
    from urja.apps.journal.models import AuditEntry

    client = colleague("clerk")
    at, _ = dry_run(client, LOAD, ASKED)
    first, second = client.post(f"{at}do/"), client.post(f"{at}do/")
    assert first["Location"] == second["Location"]
    answer_requests()
    assert AuditEntry.objects.filter(**CHANGED).count() == 1


def test_what_is_wrong_is_said_beside_the_field_and_nothing_is_lost(colleague):
    page = colleague("clerk").post(LOAD, ASKED | {"sanctioned_load_w": "four", "effective_on": ""})
    assert page.status_code == 422
    content = page.content.decode()
    assert "Enter a number such as 12.5." in content
    assert "This field is required." in content
    assert 'aria-describedby="sanctioned_load_w-help sanctioned_load_w-error"' in content
    assert value(page, "sanctioned_load_w") == "four"
    assert value(page, "consumer_number") == "URJ00000001"


def test_a_guards_sentences_stand_beside_the_form(colleague):
    client = colleague("clerk")
    _, page = dry_run(client, LOAD, ASKED | {"consumer_number": "URJ00000009"})
    assert "This operation cannot be carried out:" in text_of(page)
    assert "there is no service point URJ00000009" in text_of(page)
    assert value(page, "sanctioned_load_w") == "4.5"
    assert value(page, "effective_on") == "2026-03-04"


def test_a_guards_sentences_are_said_in_hindi(colleague):
    client = colleague("clerk")
    at, _ = dry_run(client, LOAD, ASKED | {"consumer_number": "URJ00000009"})
    hindi = client.get(at, headers={"Accept-Language": "hi"})
    assert "कनेक्शन URJ00000009 नहीं है" in text_of(hindi)
    assert "there is no service point" not in text_of(hindi)


def test_of_two_clerks_the_loser_is_told(colleague):
    one, other = colleague("clerk"), colleague("clerk_north")
    undo = "/console/operations/undo/"
    at, _ = dry_run(one, LOAD, ASKED)
    done(one, at)
    from urja.apps.journal.models import AuditEntry

    entry = AuditEntry.objects.get(**CHANGED)
    first, _ = dry_run(one, undo, {"entry_id": entry.id, "reason": "a mistake"})
    second, _ = dry_run(other, undo, {"entry_id": entry.id, "reason": "not so"})
    assert "Done: operation" in (told := text_of(done(one, first)))
    assert (
        "This operation cannot be undone. To correct a mistake: what follows from it is corrected by another"
        in told
    )
    lost = text_of(done(other, second))
    assert "The operation was not carried out:" in lost
    assert f"operation {entry.id} (change_load) was undone by operation" in lost
    assert "not so" in lost


def test_elsewhere_there_is_nothing_of_that_name(colleague):
    page = colleague("clerk_north").post(LOAD, ASKED | {"consumer_number": "URJ00000004"})
    assert page.status_code == 422
    assert "Not found in your area." in text_of(page)


def test_the_way_here_fills_the_form(colleague):
    page = colleague("clerk").get(LOAD, {"consumer_number": "URJ00000002"})
    assert value(page, "consumer_number") == "URJ00000002"
    exchange = colleague("clerk").get("/console/operations/exchange_meter/")
    assert value(exchange, "at") == town_cast.NOW.astimezone(zone()).strftime("%Y-%m-%dT%H:%M")


def zone():
    from urja.web.shared.clock import zone

    return zone()


def test_each_sees_what_they_may_do(colleague):
    clerk = text_of(colleague("clerk").get("/console/operations/"))
    assert "Change the sanctioned load" in clerk
    assert "Add a staff member" not in clerk
    assert "Change the sanctioned load" not in text_of(colleague("control_room").get("/console/operations/"))
    assert colleague("control_room").get(LOAD).status_code == 404
    assert colleague("clerk").get("/console/operations/employ/").status_code == 404
    assert colleague("auditor").get("/console/operations/").status_code == 404


def test_anothers_request_does_not_exist(colleague):
    at, _ = dry_run(colleague("clerk"), LOAD, ASKED)
    other = colleague("revenue_officer")
    assert other.get(at).status_code == 404
    assert other.post(f"{at}do/").status_code == 404


def test_nothing_is_done_before_it_was_shown(colleague):
    client = colleague("clerk")
    led = client.post(LOAD, ASKED)
    assert client.post(f"{led['Location']}do/").status_code == 404


def test_every_operation_has_a_form_that_gives_back_what_was_typed(database_template):
    """What was typed is the same after it has been a request's content."""
    from urja.usecases.kinds import ALL
    from urja.web.console.fields import Kind, fields_of, form_values, inputs, parse_form

    texts = {
        Kind.NUMBER: "12",
        Kind.DECIMAL: "3.25",
        Kind.YES: "yes",
        Kind.DAY: "2026-03-04",
        Kind.MOMENT: "2026-03-04T09:30",
    }
    for operation in ALL:
        fields = fields_of(operation)
        typed = {
            field.name: field.choices[-1]
            if field.kind is Kind.CHOICE
            else ("1, 2" if field.numbers else "a, b")
            if field.kind is Kind.LIST
            else ", ".join(one.choices[-1] if one.choices else texts.get(one.kind, "x") for one in field.of)
            if field.kind is Kind.LINES
            else texts.get(field.kind, "x")
            for field in fields
        }
        content, errors = parse_form(operation, typed)
        assert errors == {}, operation
        assert form_values(operation, json.loads(json.dumps(content))) == typed
        assert all(one.label for one in inputs(operation, {}, {}))


def test_each_amount_of_each_operation_has_a_bound(database_template):
    """What is beyond is refused by the field, with the largest amount in rupees, in both languages and beside the field."""
    from django.utils.translation import override

    from urja.apps.journal.errors import RefusedError
    from urja.core.units import MOST_MINOR
    from urja.usecases.kinds import ALL, BY_KIND
    from urja.usecases.kinds.decoding import decode
    from urja.web.api.examples import example_of
    from urja.web.console.fields import parse_form
    from urja.web.console.wording import sentence

    checked = set()
    for operation in ALL:
        for holder, field, at in amounts(content := example_of(operation)):
            for sign in (1, -1):
                holder[field] = sign * MOST_MINOR
                decode(operation.kind(), content, BY_KIND)
                holder[field] = sign * (MOST_MINOR + 1)
                if at in operation.sums:
                    decode(operation.kind(), content, BY_KIND)
                    continue
                with pytest.raises(RefusedError) as refused:
                    decode(operation.kind(), content, BY_KIND)
                assert refused.value.faults == [
                    f"{at}: the amount is beyond 90000000000.00, the largest that is taken"
                ]
            holder[field] = 1
            checked.add(at)
    assert {
        "subsidy_paid_minor",
        "bills[0].principal_minor",
        "counts[0].value_minor",
        "credit_minor",
    } <= checked
    [fault] = refused.value.faults
    with override("hi"):
        assert sentence(fault) == f"{at}: राशि 90000000000.00 से अधिक है, जो ली जाने वाली सबसे बड़ी राशि है"
        _, errors = parse_form(BY_KIND["record_subsidy_payment"], {"subsidy_paid_minor": "90000000000.01"})
        assert errors["subsidy_paid_minor"] == "सबसे बड़ी राशि ₹90,00,00,00,000.00 है।"
    assert 1_000_000 * MOST_MINOR < 2**63


def test_no_number_of_any_operation_reaches_a_query_that_cannot_take_it(database_template):
    """A cheque of receipt 10^30 was answered by an internal error, for its guard's query failed."""
    from django.utils.translation import override

    from urja.apps.journal.errors import RefusedError
    from urja.usecases.kinds import ALL, BY_KIND
    from urja.usecases.kinds.decoding import decode
    from urja.web.api.examples import example_of
    from urja.web.console.wording import sentence

    checked = set()
    for operation in ALL:
        for holder, key, at in numbers(content := example_of(operation)):
            before, holder[key] = holder[key], 10**30
            with pytest.raises(RefusedError) as refused:
                decode(operation.kind(), content, BY_KIND)
            assert refused.value.faults == [f"{at}: the number is too large to be stored"]
            holder[key] = before
            checked.add(f"{operation.kind()}.{at}")
    assert {"clear_cheque.receipt_id", "deposit_takings.receipt_ids[0]", "undo.entry_id"} <= checked
    with override("hi"):
        assert sentence(refused.value.faults[0]).endswith("संख्या इतनी बड़ी है कि रखी नहीं जा सकती")


def numbers(content, at=""):
    """Each whole number in plain values, as `amounts` yields money."""
    items = content.items() if isinstance(content, dict) else enumerate(content)
    for key, value in [*items]:
        name = f"{at}[{key}]" if isinstance(key, int) else f"{at}.{key}" if at else key
        if type(value) is int:
            yield content, key, name
        elif isinstance(value, dict | list):
            yield from numbers(value, name)


def amounts(content, at=""):
    """Each amount of money in plain values: what holds it, its key there, and its name."""
    items = content.items() if isinstance(content, dict) else enumerate(content)
    for key, value in [*items]:
        name = f"{at}[{key}]" if isinstance(key, int) else f"{at}.{key}" if at else key
        if name.endswith("_minor"):
            yield content, key, name
        elif isinstance(value, dict | list):
            yield from amounts(value, name)


def test_in_hindi(colleague):
    client = colleague("clerk", "hi")
    _, page = dry_run_in_hindi(client)
    assert "स्वीकृत भार: 4.5 kW" in text_of(page)


def dry_run_in_hindi(client):
    led = client.post(LOAD, ASKED)
    answer_requests()
    return led["Location"], client.get(led["Location"])


def test_what_has_no_form_is_said_to_who_might_look_for_it(colleague):
    clerk, administrator, control_room = (
        text_of(colleague(role).get("/console/operations/"))
        for role in ("clerk", "administrator", "control_room")
    )
    assert "urja stock receive" in clerk
    assert "upsert_from_system" not in clerk
    assert "upsert_from_system" in administrator
    assert "Operations not available here" not in control_room
    for kind in ("receive_devices", "upsert_from_system"):
        assert colleague("administrator").get(f"/console/operations/{kind}/").status_code == 404
