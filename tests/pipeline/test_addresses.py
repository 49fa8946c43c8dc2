"""Change of a sign-in address: mailed, confirmed at both addresses, and the way around a lost mailbox."""

import re
from contextlib import contextmanager
from datetime import timedelta

import psycopg
import pytest
from tests.apps.town import START, adopt

from urja.apps.journal.errors import RefusedError

LATER = START + timedelta(days=3)
DAY = timedelta(days=1)
OLD, NEW = "person1@example.org", "asha@example.org"


class Mail:
    """What was sent, and the words in it by mailbox."""

    def __init__(self):
        from urja.pipeline.email_changes import MailSender

        self.sent = []
        self.away = False
        self.sender = MailSender("Urja", "https://urja.example/", self)

    def __call__(self, recipient, subject, body):
        if self.away:
            raise ConnectionRefusedError
        self.sent.append((recipient, subject, body))

    def word(self, recipient, kind="confirm"):
        found = [
            re.search(rf"https://urja\.example/address/{kind}/([A-Za-z0-9_-]{{43}})/", body)
            for to, _subject, body in self.sent
            if to == recipient
        ]
        return [one.group(1) for one in found if one][-1]


@pytest.fixture
def mail():
    return Mail()


@pytest.fixture
def person(database):
    from urja.apps.people.models import Person

    made = adopt(1)
    return Person.objects.get(user_id=made.user_id)


@contextmanager
def in_the_rights_of(role):
    from django.db import connection

    connection.close()
    before, connection.settings_dict["USER"] = connection.settings_dict["USER"], role
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict["USER"] = before


def perform(operation, at=LATER, actor="user 7"):
    from urja.usecases.operations import perform

    return perform(operation, recorded_at=at, actor=actor)


def correct(person, email=NEW, **more):
    from urja.usecases.operations import CorrectConsumer

    return perform(CorrectConsumer(consumer_id=person.id, email=email), **more)


def approve(person, *, actor, at=LATER, email=NEW):
    from urja.usecases.operations import ApproveAddressChange

    return perform(
        ApproveAddressChange(consumer_id=person.id, email=email, evidence="passport seen"), at, actor
    )


def bring(word):
    """What the web does with it, in its own rights."""
    from urja.apps.identity.models import AddressAnswer

    with in_the_rights_of("urja_web"):
        AddressAnswer.objects.create(word=word, received_at=LATER)


def run(mail, at=LATER):
    """The stage, in the pipeline's rights."""
    from urja.apps.identity.address_changes import apply_answers
    from urja.pipeline.email_changes import AT_ONCE, complete_confirmed, send_due_mails

    with in_the_rights_of("urja_pipeline"):
        apply_answers(at, AT_ONCE)
        complete_confirmed(at)
        send_due_mails(mail.sender, at)


def address(person):
    person.refresh_from_db()
    assert person.user.email == person.user.username == person.email
    return person.user.email


def state():
    from urja.apps.identity.models import AddressChange

    return AddressChange.objects.latest("id").state


def test_confirmed_at_both_it_is_the_one_to_sign_in_with(person, mail):
    from allauth.account.models import EmailAddress

    from urja.apps.journal.models import AuditEntry

    EmailAddress.objects.create(user=person.user, email=OLD, verified=True, primary=True)
    correct(person)
    run(mail)
    assert [to for to, *_ in mail.sent] == [OLD, NEW]
    bring(mail.word(NEW))
    run(mail)
    assert address(person) == OLD, "the new address alone changes nothing"
    bring(mail.word(OLD))
    run(mail)
    assert address(person) == NEW
    assert not EmailAddress.objects.exists()
    entry = AuditEntry.objects.get(kind="change_address")
    assert (entry.content["old_email"], entry.content["new_email"]) == (OLD, NEW)
    assert [to for to, *_ in mail.sent[2:]] == [OLD, NEW], "both are told"
    run(mail)
    assert len(mail.sent) == 4


def test_the_old_address_alone_changes_nothing(person, mail):
    correct(person)
    run(mail)
    bring(mail.word(OLD))
    run(mail, LATER + 9 * DAY)
    assert (address(person), state()) == (OLD, "waiting")
    run(mail, LATER + 10 * DAY)
    assert (address(person), state()) == (OLD, "expired")
    bring(mail.word(NEW))
    run(mail, LATER + 10 * DAY)
    assert address(person) == OLD


def test_the_old_address_refuses(person, mail):
    correct(person)
    run(mail)
    bring(mail.word(NEW))
    bring(mail.word(OLD, "refuse"))
    run(mail)
    bring(mail.word(OLD))
    run(mail)
    assert (address(person), state()) == (OLD, "refused")


def test_where_the_old_address_is_lost_a_second_person_and_a_delay_stand_for_it(person, mail):
    correct(person, actor="user 7 token 4")
    run(mail)
    bring(mail.word(NEW))
    for same in ("user 7", "user 7 token 9"):
        with pytest.raises(RefusedError, match="a second person must"):
            approve(person, actor=same)
    with pytest.raises(RefusedError, match="not an API token"):
        approve(person, actor="token 5")
    with pytest.raises(RefusedError, match="no person can approve a change of their own address"):
        approve(person, actor=f"user {person.user_id}")
    with pytest.raises(RefusedError, match="is to another address than"):
        approve(person, actor="user 8", email="thief@example.org")
    approve(person, actor="user 8")
    run(mail)
    assert mail.sent[-1][0] == OLD, "a reader of the log sees the approval"
    run(mail, LATER + 3 * DAY - timedelta(seconds=1))
    assert address(person) == OLD
    run(mail, LATER + 3 * DAY)
    assert address(person) == NEW


def test_the_old_address_refuses_after_an_approval_too(person, mail):
    correct(person)
    run(mail)
    bring(mail.word(NEW))
    approve(person, actor="user 8")
    run(mail)
    bring(mail.word(OLD, "refuse"))
    run(mail, LATER + 3 * DAY)
    assert (address(person), state()) == (OLD, "refused")


def test_another_address_takes_the_place_of_the_one_that_waits(person, mail):
    correct(person)
    run(mail)
    first = mail.word(NEW), mail.word(OLD)
    correct(person, "third@example.org")
    run(mail)
    for word in first:
        bring(word)
    run(mail)
    assert address(person) == OLD
    correct(person, OLD)
    assert state() == "withdrawn", "a request for the current address withdraws the pending change"


def test_a_relay_that_is_away_loses_no_mail(person, mail):
    correct(person)
    mail.away = True
    with pytest.raises(ConnectionRefusedError):
        run(mail)
    mail.away = False
    run(mail)
    for mailbox in (NEW, OLD):
        bring(mail.word(mailbox))
    run(mail)
    assert address(person) == NEW


def test_who_was_employed_meanwhile_keeps_their_address(person, mail):
    from urja.usecases.operations import Employ

    correct(person)
    run(mail)
    perform(Employ(email=OLD, name="Person 1", role="administrator"), actor="urja staff")
    for mailbox in (NEW, OLD):
        bring(mail.word(mailbox))
    run(mail)
    assert (address(person), state()) == (OLD, "impossible")


def test_an_address_that_another_person_has_by_then_stays_theirs(person, mail):
    correct(person)
    run(mail)
    adopt(2, email=NEW)
    for mailbox in (NEW, OLD):
        bring(mail.word(mailbox))
    run(mail)
    assert (address(person), state()) == (OLD, "impossible")


def test_who_works_here_changes_it_by_a_command_and_confirms_it_too(database, mail):
    from django.contrib.auth import get_user_model

    from urja.usecases.operations import Employ, Readdress

    perform(Employ(email="clerk@utility.example", name="Clerk", role="clerk"), actor="urja staff")
    perform(Readdress(email="clerk@utility.example", new_email=NEW, new_name="Asha"), actor="urja staff")
    run(mail)
    for mailbox in (NEW, "clerk@utility.example"):
        bring(mail.word(mailbox))
    run(mail)
    user = get_user_model().objects.get()
    assert (user.email, user.username, user.first_name) == (NEW, NEW, "Asha")


def test_a_stolen_web_neither_sees_the_words_nor_writes_a_confirmation(person, mail, database):
    correct(person)
    run(mail)
    with database.connect("urja_web") as thief:
        for statement in (
            "SELECT * FROM identity_address_change",
            "UPDATE identity_address_change SET old_confirmed_at = now(), new_confirmed_at = now()",
            "SELECT word FROM identity_address_answer",
            "DELETE FROM identity_address_answer",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                thief.execute(statement)
        with database.connect() as owner:
            digests = owner.execute("SELECT new_digest, old_digest FROM identity_address_change").fetchone()
        for digest in digests:
            thief.execute(
                "INSERT INTO identity_address_answer (word, received_at) VALUES (%s, now())", [digest.hex()]
            )
    run(mail)
    assert (address(person), state()) == (OLD, "waiting"), "the digest is not the word"


def test_who_is_made_nameless_is_named_by_no_address_that_waited(person, mail, database):
    from tests.apps.town import by_hand

    from urja.apps.contracts.models import Agreement, AgreementTerms
    from urja.apps.identity.models import AddressChange
    from urja.apps.journal.models import AuditEntry
    from urja.usecases.operations import AnonymiseConsumer

    correct(person)
    run(mail)
    with by_hand():
        Agreement.objects.update(valid_to=LATER)
        AgreementTerms.objects.update(valid_to=LATER)
    perform(AnonymiseConsumer(consumer_id=person.id), LATER + DAY)
    change = AddressChange.objects.get()
    assert (change.old_email, change.new_email, change.state) == ("", "", "withdrawn")
    assert NEW not in str(list(AuditEntry.objects.values_list("content", flat=True)))


def test_what_happened_at_the_door_is_kept_for_a_year(database):
    from urja.apps.identity.models import SignIn
    from urja.pipeline.email_changes import delete_old_sign_ins

    for days in (364, 366):
        SignIn.objects.create(
            at=START - timedelta(days=days), kind="asked", address_digest=bytes(32), network="198.51.100.1"
        )
    with in_the_rights_of("urja_pipeline"):
        assert delete_old_sign_ins(START).done == 1
    assert SignIn.objects.get().at == START - timedelta(days=364)


def test_a_stored_address_that_cannot_be_mailed_keeps_no_other_change_waiting(person, database):
    from django.test import override_settings
    from tests.providers.relay import mailers, open_relay

    from urja.apps.people.models import Person
    from urja.pipeline.email_changes import EmailChanges, MailSender

    neighbour = adopt(2)
    correct(person)
    with database.connect() as owner:
        owner.execute("UPDATE identity_address_change SET old_email = 'ravi..k@gmail.com'")
    correct(Person.objects.get(user_id=neighbour.user_id), "bela@example.org")
    with open_relay() as relay, override_settings(**mailers(relay)), in_the_rights_of("urja_pipeline"):
        report = EmailChanges(MailSender("Urja", "https://urja.example/")).run_once(LATER)
    assert not report.detail
    assert sorted(relay.to) == sorted([NEW, "person2@example.org", "bela@example.org"])
