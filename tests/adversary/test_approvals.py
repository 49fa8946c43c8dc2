"""A thief of the web's database role tries to have an operation performed without an approval.

The thief may insert what the web may insert, whatever it is, and read what the web may read. Nothing is performed.
"""

from datetime import timedelta

import msgspec
import psycopg
import pytest
from tests.apps.approvals.office import (
    MONEY,
    NOW,
    Person,
    authenticator,
    challenge,
    credits_given,
    home,
    move_in,
    state_of,
    work,
)
from tests.apps.town import protect
from tests.one_setup import with_one_setup


@pytest.fixture
def thief(database):
    """The web's role, which is all that was stolen."""
    with database.connect("urja_web") as connection:
        yield connection


@pytest.fixture
def waiting(database):
    """A clerk's operation that waits for the clerk's passkey, and another clerk."""
    home()
    anita, bharat = Person("anita"), Person("bharat")
    request = anita.ask(move_in(credit_minor=MONEY))
    work()
    assert state_of(request) == "approval"
    return anita, bharat, request


def insert(thief, request, user_id, answer):
    """As the thief inserts it, past every page."""
    thief.execute(
        "INSERT INTO approvals_answer (waiting_id, user_id, action, credential_id, client_data, authenticator_data,"
        " signature, given_at) VALUES (%s, %s, 'approve', %s, %s, %s, %s, %s)",
        [
            request.pk,
            user_id,
            answer.credential_id,
            answer.client_data,
            answer.authenticator_data,
            answer.signature,
            NOW,
        ],
    )
    work()


def told():
    """Why the last answer was refused."""
    from urja.apps.approvals.models import Answer

    answer = Answer.objects.latest("id")
    assert answer.state == "refused"
    return str(answer.faults[0])


def nothing_is_done(request):
    assert state_of(request) == "approval"
    assert credits_given() == []


@with_one_setup(
    "statement",
    [
        "UPDATE approvals_waiting SET need = 0",
        "UPDATE approvals_waiting SET actor_credential_id = 1",
        "UPDATE approvals_waiting SET nonce = '\\x00'",
        "UPDATE approvals_waiting SET due_at = now()",
        "DELETE FROM approvals_waiting",
        "UPDATE approvals_credential SET user_id = 1",
        "UPDATE approvals_credential SET public_key = '\\x00'",
        "UPDATE approvals_credential SET revoked_at = NULL",
        "UPDATE approvals_credential SET sign_count = 0",
        (
            "INSERT INTO approvals_credential (user_id, credential_id, public_key, sign_count, name, enrolled_at,"
            " invitation_id) VALUES (1, '\\x00', '\\x00', 0, '', now(), 1)"
        ),
        "SELECT * FROM approvals_invitation",
        (
            "INSERT INTO approvals_invitation (user_id, code_sha256, invited_at, expires_at, actor)"
            " VALUES (1, '\\x00', now(), 'infinity', '')"
        ),
        (
            "INSERT INTO approvals_enrolment (user_id, name, client_data, attestation, asked_at, state)"
            " VALUES (1, '', '', '', now(), 'accepted')"
        ),
        (
            "INSERT INTO approvals_answer (waiting_id, user_id, action, given_at, state)"
            " VALUES (1, 1, 'approve', now(), 'accepted')"
        ),
        "UPDATE approvals_answer SET state = 'accepted'",
        (
            "INSERT INTO approvals_document (version, valid_from, text, sha256, recorded_at, actor)"
            " VALUES ('x', now(), '', '', now(), '')"
        ),
        "DELETE FROM approvals_measured",
        "UPDATE approvals_measured SET money_minor = 0",
        "UPDATE journal_request SET content = '{}'",
        "UPDATE journal_request SET state = 'waiting'",
    ],
)
def test_the_web_writes_no_passkey_no_nonce_and_no_verdict(waiting, thief, statement):
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        thief.execute(statement)


def test_an_answer_has_a_size(waiting, thief):
    anita, _bharat, request = waiting
    answer = msgspec.structs.replace(anita.passkey.approve(challenge(request)), client_data=bytes(16_385))
    with pytest.raises(psycopg.errors.CheckViolation):
        insert(thief, request, anita.id, answer)


def test_a_forged_answer_approves_nothing(waiting, thief):
    """The thief knows nonce, content and passkey, and signs with a key of its own."""
    anita, _bharat, request = waiting
    forger = authenticator()
    forger.id = anita.passkey.id
    insert(thief, request, anita.id, forger.approve(challenge(request), counter=99))
    assert told() == "the passkey's signature is wrong"
    nothing_is_done(request)


def test_a_passkey_of_the_thiefs_own_approves_nothing(waiting, thief):
    anita, _bharat, request = waiting
    insert(thief, request, anita.id, authenticator().approve(challenge(request)))
    assert told() == "this passkey is not enrolled"
    nothing_is_done(request)


def test_an_old_answer_approves_nothing_again(waiting, thief):
    anita, _bharat, request = waiting
    answer = anita.passkey.approve(challenge(request))
    insert(thief, request, anita.id, answer)
    assert credits_given() == [MONEY]
    again = anita.ask(move_in(credit_minor=MONEY, at=NOW - timedelta(hours=1), register_wh=10_000))
    work()
    insert(thief, again, anita.id, answer)
    assert told() == "the passkey's answer is for other content, or for another question"
    insert(thief, request, anita.id, answer)
    assert told() == "the operation is no longer pending approval"
    assert (state_of(again), credits_given()) == ("approval", [MONEY])


def test_an_answer_for_one_operation_approves_no_other(waiting, thief):
    """Two operations with the same content have nonces of their own."""
    anita, _bharat, request = waiting
    same = anita.ask(move_in(credit_minor=MONEY))
    work()
    insert(thief, request, anita.id, anita.passkey.approve(challenge(same)))
    assert told() == "the passkey's answer is for other content, or for another question"
    nothing_is_done(request)


def test_an_answer_from_a_page_elsewhere_approves_nothing(waiting, thief):
    anita, _bharat, request = waiting
    for changed, says in (
        ({"origin": "https://urja.example.evil"}, "the passkey's answer was given on another site"),
        ({"rp_id": "evil.example"}, "the passkey belongs to another site"),
        ({"flags": 1}, "the authenticator did not verify you: by PIN, fingerprint or face"),
        ({"kind": "webauthn.create"}, "the passkey's answer is of another kind"),
    ):
        insert(thief, request, anita.id, anita.passkey.approve(challenge(request), **changed))
        assert told() == says
    nothing_is_done(request)


def test_a_revoked_passkey_approves_nothing(waiting, thief):
    from urja.apps.approvals import passkeys

    anita, _bharat, request = waiting
    passkeys.revoke(anita.credential.pk, now=NOW)
    insert(thief, request, anita.id, anita.passkey.approve(challenge(request)))
    assert told() == "this passkey was revoked"
    nothing_is_done(request)


def test_a_passkey_revoked_after_it_approved_has_approved_nothing(database, thief):
    from urja.apps.approvals import passkeys

    home()
    anita, bharat = Person("anita"), Person("bharat")
    request = anita.ask(move_in(credit_minor=10 * MONEY))
    work()
    insert(thief, request, anita.id, anita.passkey.approve(challenge(request)))
    passkeys.revoke(anita.credential.pk, now=NOW)
    insert(thief, request, bharat.id, bharat.passkey.approve(challenge(request)))
    assert (state_of(request), credits_given()) == ("refused", [])


def test_a_copied_passkey_is_seen_by_its_counter(waiting, thief):
    from urja.apps.approvals.models import Credential

    anita, _bharat, request = waiting
    Credential.objects.filter(pk=anita.credential.pk).update(sign_count=7)
    insert(thief, request, anita.id, anita.passkey.approve(challenge(request), counter=7))
    assert told() == "the passkey's counter went back: it may have been copied; have it revoked"
    nothing_is_done(request)


def test_the_second_person_is_another_person(database, thief):
    """A second passkey of the actor's, recorded in the name of another one, is still the actor's."""
    from tests.apps.approvals.office import enrol

    home()
    anita, bharat = Person("anita"), Person("bharat")
    spare = authenticator()
    enrol(anita, spare)
    request = anita.ask(move_in(credit_minor=10 * MONEY))
    work()
    insert(thief, request, anita.id, anita.passkey.approve(challenge(request)))
    insert(thief, request, bharat.id, spare.approve(challenge(request)))
    assert told() == "you have approved it already"
    insert(thief, request, bharat.id, anita.passkey.approve(challenge(request)))
    assert told() == "you have approved it already"
    nothing_is_done(request)


def test_another_person_alone_does_not_replace_the_actor(waiting, thief):
    """The thief asks in another person's name; a colleague who is made to approve is not that person."""
    _anita, bharat, request = waiting
    insert(thief, request, bharat.id, bharat.passkey.approve(challenge(request)))
    nothing_is_done(request)


def test_what_was_changed_while_it_waited_is_not_done(waiting, thief, database):
    """Even where a role could change a request: the pipeline holds it to the hash that it kept."""
    anita, _bharat, request = waiting
    answer = anita.passkey.approve(challenge(request))
    with database.connect() as owner:
        owner.execute(
            "UPDATE journal_request SET content = jsonb_set(content, '{credit_minor}', '99999900') WHERE id = %s",
            [request.pk],
        )
    insert(thief, request, anita.id, answer)
    assert told() == "the passkey's answer is for other content, or for another question"
    request.refresh_from_db()
    # The thief has the clerk approve what is shown, and that is not what was asked for.
    insert(thief, request, anita.id, anita.passkey.approve(challenge(request)))
    assert (state_of(request), credits_given()) == ("refused", [])
    assert "its content was changed while it was pending" in str(request.faults[0])


def record(thief, operation, actor, **more):
    """A request as the thief records it, in the name of any person."""
    columns = {
        "kind": operation.kind(),
        "content": msgspec.json.encode(operation).decode(),
        "dry_run": False,
        "actor": actor,
        "requested_at": NOW,
        **more,
    }
    thief.execute(
        f"INSERT INTO journal_request (id, {', '.join(columns)})"
        f" VALUES (nextval('journal_number'), {', '.join(['%s'] * len(columns))})",
        list(columns.values()),
    )


def test_many_small_sums_are_one_large_one(database, thief):
    """In the name of a clerk without a passkey, straight into the table of requests."""
    clerk = Person("anita", enrolled=False)
    for number in range(1, 12):
        home(number)
        record(thief, move_in(number, credit_minor=MONEY // 10), clerk.actor)
    work()
    assert credits_given() == [MONEY // 10] * 9


def test_a_request_recorded_as_approved_is_none(database, thief):
    home()
    clerk = Person("anita")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        record(thief, move_in(credit_minor=MONEY), clerk.actor, state="approval")
    # Also where a role could: the pipeline goes by what it holds itself.
    with database.connect() as owner:
        record(owner, move_in(credit_minor=MONEY), clerk.actor, state="approval")
    work()
    work(NOW + timedelta(days=30))
    assert credits_given() == []


def holds():
    from urja.apps.supply.models import Order

    return Order.objects.filter(action="hold").count()


def disconnect(number):
    from urja.usecases.operations import DisconnectTemporarily

    return DisconnectTemporarily(
        consumer_number=f"URJ{number:08}", reason="safety", note="a lineman is at work"
    )


def test_a_mass_disconnection_stops_at_the_threshold(database, thief):
    clerk = Person("anita", enrolled=False)
    for number in range(1, 23):
        home(number)
        clerk.ask(disconnect(number))
    work()
    assert holds() == 19


def test_a_protected_household_is_not_disconnected_without_a_passkey(database):
    home()
    protect(1)
    clerk = Person("anita", enrolled=False)
    refused = clerk.ask(disconnect(1))
    work()
    assert (state_of(refused), holds()) == ("refused", 0)


def test_nor_is_its_protection_ended_first(database):
    from urja.apps.journal.models import AuditEntry
    from urja.usecases.operations import EndProtection, Undo

    home()
    protect(1)
    clerk = Person("anita", enrolled=False)
    entry = AuditEntry.objects.get(kind="protect")
    asked = [
        clerk.ask(
            EndProtection(
                consumer_number="URJ00000001", kind_of_protection="medical", ended_at=NOW, reason="moved"
            )
        ),
        clerk.ask(Undo(entry_id=entry.pk, reason="a mistake")),
    ]
    work()
    assert [state_of(one) for one in asked] == ["refused", "refused"]


# -- enrolment ---------------------------------------------------------------------------------------------------


def invite(person, lasts=timedelta(days=1)):
    from urja.apps.approvals import passkeys

    return passkeys.invite(person.user, now=NOW, lasts=lasts, actor="test")


def enrol_as(user_id, code, passkey, now=NOW, **changed):
    """An enrolment as the thief inserts it; what was said against it."""
    from urja.apps.approvals import passkeys, requests
    from urja.apps.approvals.models import Enrolment

    challenge = passkeys.enrolment_challenge(passkeys.code_hash(code), changed.pop("challenged", user_id))
    requests.enrol(user_id, "mine", passkey.register(challenge, **changed), now=now)
    work(now)
    return [str(one) for one in Enrolment.objects.latest("id").faults]


NO_CODE = [
    "the code is wrong, used or expired: request another one from an administrator (urja passkey invite)"
]


def test_without_a_code_no_passkey_is_enrolled(database):
    anita = Person("anita", enrolled=False)
    invite(anita)
    assert enrol_as(anita.id, "0000-0000-0000-0000-0000-0000", authenticator()) == NO_CODE


def test_a_code_is_for_one_person_one_passkey_and_a_time(database):
    anita, bharat = Person("anita", enrolled=False), Person("bharat", enrolled=False)
    code = invite(anita)
    assert enrol_as(bharat.id, code, authenticator()) == NO_CODE
    assert enrol_as(bharat.id, code, authenticator(), challenged=anita.id) == NO_CODE
    assert enrol_as(anita.id, code, authenticator(), NOW + timedelta(days=1)) == NO_CODE
    assert enrol_as(anita.id, code.upper().replace("-", " ").replace("0", "O"), authenticator()) == []
    assert enrol_as(anita.id, code, authenticator()) == NO_CODE


def test_a_passkey_is_enrolled_once(database):
    anita, bharat = Person("anita"), Person("bharat", enrolled=False)
    assert enrol_as(bharat.id, invite(bharat), anita.passkey) == ["this passkey is enrolled already"]


def test_a_registration_from_elsewhere_or_unverified_is_refused(database):
    anita = Person("anita", enrolled=False)
    code = invite(anita)
    assert enrol_as(anita.id, code, authenticator(), origin="https://evil.example") == [
        "the passkey's answer was given on another site"
    ]
    assert enrol_as(anita.id, code, authenticator(), flags=1) == [
        "the authenticator did not verify you: by PIN, fingerprint or face"
    ]
