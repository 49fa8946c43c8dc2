"""Personal data is corrected and erased; money and readings do not change."""

from datetime import timedelta

import pytest
from tests.apps import town
from tests.apps.town import START, adopt, by_hand

LATER = START + timedelta(days=3)


def perform(operation, at=LATER):
    from urja.usecases.operations import perform

    return perform(operation, recorded_at=at, actor="test")


def person_of(made):
    from urja.apps.people.models import Person

    return Person.objects.get(user_id=made.user_id)


def test_what_is_given_is_put_right_and_the_rest_stays(database):
    from urja.apps.journal.models import History
    from urja.usecases.operations import CorrectConsumer

    person = person_of(adopt(1, phone="98123 45678"))
    entry = perform(
        CorrectConsumer(consumer_id=person.id, name="Asha Devi", phone="98-123-00000", language="hi")
    )
    person.refresh_from_db()
    assert (person.name, person.phone, person.language) == ("Asha Devi", "9812300000", "hi")
    assert (person.email, person.user.first_name) == ("person1@example.org", "Asha Devi")
    (before,) = History.objects.filter(operation_id=entry.id)
    assert (before.row["name"], before.row["phone"]) == ("Person 1", "9812345678")


def test_a_new_address_is_asked_for_and_the_old_one_stays(database):
    """What becomes of it: tests/pipeline/test_addresses.py."""
    from urja.apps.identity.models import AddressChange
    from urja.usecases.operations import CorrectConsumer, Undo, changes_of

    person = person_of(adopt(1))
    entry = perform(CorrectConsumer(consumer_id=person.id, name="Asha", email=" Asha@Example.org "))
    person.refresh_from_db()
    assert (person.name, person.email, person.user.email) == (
        "Asha",
        "person1@example.org",
        "person1@example.org",
    )
    change = AddressChange.objects.get(id=entry.outcome["address_change_id"])
    assert (change.state, change.old_email, change.new_email) == (
        "waiting",
        "person1@example.org",
        "asha@example.org",
    )
    (shown,) = [one for one in changes_of(entry.id) if one.table == "identity_address_change"]
    assert shown.to_json()["after"] == {
        "person_id": person.id,
        "old_email": "person1@example.org",
        "new_email": "asha@example.org",
        "approval_counts_from": None,
    }
    perform(Undo(entry_id=entry.id, reason="a mistake"))
    change.refresh_from_db()
    assert change.state == "withdrawn"


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({}, "give at least one field to correct: name, email, phone, language, address"),
        ({"name": " "}, "a name cannot be empty; anonymise_consumer erases it"),
        ({"phone": "12"}, "not '12'"),
        ({"language": "fr"}, "the language is en or hi, not 'fr'"),
        ({"email": "ravi..k@gmail.com"}, "'ravi..k@gmail.com' is not an e-mail address"),
        ({"email": "unknown"}, "'unknown' is not an e-mail address"),
        ({"email": "person2@example.org"}, "another person signs in with person2@example.org"),
        ({"name": "A", "version": "0" * 16}, "has changed since version 0000000000000000: read it again"),
    ],
)
def test_what_cannot_be_put_right(database, given, why):
    from urja.apps.journal.errors import RefusedError
    from urja.usecases.operations import CorrectConsumer

    person = person_of(adopt(1))
    adopt(2)
    with pytest.raises(RefusedError, match=why):
        perform(CorrectConsumer(consumer_id=person.id, **given))


def test_of_two_who_looked_at_the_same_one_is_told(database):
    from urja.apps.journal.errors import RefusedError
    from urja.apps.people.queries import version_of
    from urja.usecases.operations import CorrectConsumer

    person = person_of(adopt(1))
    seen = version_of(person)
    perform(CorrectConsumer(consumer_id=person.id, name="First", version=seen))
    with pytest.raises(RefusedError, match="read it again"):
        perform(CorrectConsumer(consumer_id=person.id, name="Second", version=seen))


NAMES = (
    "Asha Devi",
    "asha devi",
    "asha@example.org",
    "9812345678",
    "98123 45678",
    "Gali 4",
    "on a ventilator",
)


def told(database):
    """All that any table says, as text."""
    with database.connect() as connection:
        tables = [
            name
            for (name,) in connection.execute(
                "SELECT oid::regclass::text FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')"
            )
        ]
        return "\n".join(
            text
            for table in tables
            for (text,) in connection.execute(f"SELECT to_jsonb(t)::text FROM {table} t ORDER BY 1")
        )


@pytest.fixture
def moved_away(database):
    """A consumer whose supply has ended, with names in every corner; a neighbour of the same name."""
    from allauth.account.models import EmailAddress

    from urja.apps.contracts.models import Agreement, AgreementTerms
    from urja.apps.journal.models import External, Request
    from urja.apps.notices.models import Message, Notice
    from urja.apps.people.models import Protection
    from urja.usecases.operations import CorrectConsumer

    made = adopt(
        1, person_name="Asha Devi", email="Asha@example.org", phone="98123 45678", credit_minor=5_000
    )
    neighbour = adopt(2, person_name="Asha Devi", email="other@example.org")
    person = person_of(made)
    perform(CorrectConsumer(consumer_id=person.id, address="Gali 4"), START + timedelta(days=1))
    with by_hand():
        Agreement.objects.filter(id=made.agreement_id).update(valid_to=LATER)
        AgreementTerms.objects.filter(agreement_id=made.agreement_id).update(valid_to=LATER)
    stamp = {"recorded_at": START, "actor": "test"}
    Protection.objects.create(
        id=1,
        person=person,
        kind="medical",
        evidence="on a ventilator",
        valid_from=START,
        valid_to=LATER,
        **stamp,
    )
    External.objects.create(
        id=1, system="cis", kind="person", external_id="Asha Devi", object_id=person.id, owned=[]
    )
    Request.objects.create(
        id=1, kind="correct_consumer", content={"consumer_id": person.id, "phone": "9812345678", "name": "Asha Devi"},
        actor="user 1", requested_at=START, state="refused", faults=["'asha@example.org' is not good"],
    )  # fmt: skip
    Notice.objects.create(
        account_id=made.account_id, kind="zero", dedupe_key="1", requested_at=START, recipient="9812345678"
    )
    Message.objects.create(
        sent_at=START, sender="a@b", recipient="asha@example.org", subject="code", body="Hello"
    )
    EmailAddress.objects.create(user=person.user, email="asha@example.org", verified=True, primary=True)
    return made, neighbour, person


def test_nothing_names_them_any_more(database, moved_away):
    from urja.apps.journal.models import AuditEntry
    from urja.usecases.operations import AnonymiseConsumer

    made, neighbour, person = moved_away
    before = told(database)
    assert [name for name in NAMES if name not in before] == ["asha devi"]
    perform(AnonymiseConsumer(consumer_id=person.id), LATER)
    after = told(database)
    others = "\n".join(line for line in after.splitlines() if "other@example.org" not in line)
    assert [name for name in NAMES if name in others] == []
    assert person_of(neighbour).name == "Asha Devi"
    adopted = AuditEntry.objects.get(kind="adoption", service_point_id=made.service_point_id)
    assert (adopted.content["person_name"], adopted.content["serial"]) == ("", "URJ00000001")
    person.refresh_from_db()
    assert (person.nameless_at, person.user.is_active) == (LATER, False)


def test_who_is_nameless_signs_in_no_more(database, moved_away):
    from django.test import Client

    from urja.usecases.operations import AnonymiseConsumer

    *_, person = moved_away
    client = Client(headers={"host": "localhost"})
    client.force_login(person.user)
    assert client.get("/accounts/1/").status_code == 404
    perform(AnonymiseConsumer(consumer_id=person.id), LATER)
    assert client.get("/accounts/1/").status_code == 302


def test_the_laws_of_the_books_hold_before_and_after(database, moved_away):
    from urja.laws.verify import examine
    from urja.pipeline import post
    from urja.usecases.operations import AnonymiseConsumer

    made, _, person = moved_away
    with database.connect("urja_pipeline") as connection:
        town.store_blocks(connection, town.blocks(made, (START, 300), (START + town.HALF_HOUR, 200)))
    from urja.apps.rulebook.operations import load_tariff
    from urja.apps.rulebook.queries.tariffs import bundled_tariffs

    text = bundled_tariffs()["demo-domestic.toml"].replace('code = "demo-domestic"', 'code = "demo"')
    load_tariff(text, START)
    post.run_once(LATER)

    def books():
        with database.connect() as connection:
            held = {finding.law: finding.holds for finding in examine(connection, LATER, town.ZONE)}
            rows = [
                connection.execute(f"SELECT to_jsonb(t)::text FROM {table} t ORDER BY 1").fetchall()
                for table in ("books_entry", "books_account", "readings_interval", "readings_accrual")
            ]
        return held, rows

    held, rows = books()
    assert held
    assert all(held.values())
    assert all(rows)
    perform(AnonymiseConsumer(consumer_id=person.id), LATER)
    assert books() == (held, rows)


def test_who_has_a_supply_or_works_here_keeps_their_name(database):
    from urja.apps.journal.errors import RefusedError
    from urja.usecases.operations import AnonymiseConsumer, Employ

    person = person_of(adopt(1))
    perform(Employ(email=person.email, name="Person 1", role="clerk"))
    with pytest.raises(RefusedError) as refused:
        perform(AnonymiseConsumer(consumer_id=person.id))
    assert refused.value.faults == [
        f"person {person.id} has an agreement at URJ00000001 since 2026-03-01: end it first",
        f"person {person.id} has the staff role clerk: end it first",
    ]


def test_the_pipeline_cannot_change_what_was_asked_for_otherwise(database, moved_away):
    import psycopg

    *_, person = moved_away
    with database.connect("urja_pipeline") as connection:
        with pytest.raises(psycopg.errors.RaiseException, match="is not nameless"):
            connection.execute("SELECT notices_forget(%s)", [person.id])
        connection.execute("SET urja.forgetting = 'yes'")
        with pytest.raises(psycopg.errors.RaiseException, match="only ever added to"):
            connection.execute("UPDATE journal_operation SET content = '{}'")
    with database.connect("urja_web") as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("SELECT notices_forget(%s)", [person.id])


def test_the_pipelines_rights_are_enough(database, moved_away):
    from django.db import connection

    from urja.usecases.operations import AnonymiseConsumer, CorrectConsumer

    *_, person = moved_away
    connection.close()
    settings = connection.settings_dict
    before, settings["USER"] = settings["USER"], "urja_pipeline"
    try:
        perform(CorrectConsumer(consumer_id=person.id, email="new@example.org", name="New"))
        perform(AnonymiseConsumer(consumer_id=person.id))
    finally:
        connection.close()
        settings["USER"] = before
    assert "new@example.org" not in told(database)


def test_people_of_before_get_a_login_by_their_number(database):
    """The migration, on people that an earlier version stored."""
    from pathlib import Path

    from django.db import connection, transaction

    from urja.apps.identity import migrations
    from urja.apps.identity.queries.mobile_users import users_of_number
    from urja.apps.journal.models import History
    from urja.apps.people.models import Person

    stamp = {"recorded_at": START, "actor": "test"}
    Person.objects.create(id=1, name="Meera", phone="9876543210", **stamp)
    Person.objects.create(id=2, name="", phone="9876543211", nameless_at=START, **stamp)
    Person.objects.create(id=3, name="Ravi", **stamp)
    sql = (Path(migrations.__file__).parent / "0007_number_logins.sql").read_text("utf-8")
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql.partition("DROP FUNCTION")[0])
    assert [one.name for one in users_of_number("+919876543210", START)] == ["Meera"]
    assert list(Person.objects.filter(user=None).order_by("id").values_list("id", flat=True)) == [2, 3]
    assert not History.objects.exists()
