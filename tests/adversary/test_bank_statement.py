"""A thief of the web's database role tries to be credited by a statement that no person accepted, or by others' transfers.

The thief may insert what the web may insert and read what it may read.
"""

import hashlib
from copy import deepcopy
from datetime import timedelta

import psycopg
import pytest
from django.test import override_settings
from tests.apps.approvals.office import NOW, Person, authenticator, challenge, state_of, work
from tests.apps.bank.cast import UTR, account_of, claim, csv_of, day, match, money, society, state, upi
from tests.providers.relay import mailers, open_relay

FORGED = csv_of(upi(9_000_00))


def with_a_society(_database):
    return society()


@pytest.fixture
def begun(lived):
    """A copy of the database of a society, and what a test may change of it."""
    with lived(with_a_society) as (database, told):
        yield database, deepcopy(told)


@pytest.fixture
def database(begun):
    return begun[0]


@pytest.fixture
def installation(begun):
    return begun[1]


@pytest.fixture
def thief(database):
    """The web's role, which is all that was stolen."""
    with database.connect("urja_web") as connection:
        yield connection


def answer(thief, request, user_id, given):
    thief.execute(
        "INSERT INTO approvals_answer (waiting_id, user_id, action, credential_id, client_data, authenticator_data,"
        " signature, given_at) VALUES (%s, %s, 'approve', %s, %s, %s, %s, %s)",
        [
            request.pk,
            user_id,
            given.credential_id,
            given.client_data,
            given.authenticator_data,
            given.signature,
            NOW,
        ],
    )
    work()
    match()


def no_statement():
    from urja.apps.bank.models import Entry, Statement

    return not Statement.objects.exists() and not Entry.objects.exists()


def test_without_the_passkey_no_statement_is_accepted_whatever_a_document_says(installation, thief):
    from urja.apps.approvals import thresholds
    from urja.core.approvals import bundled_thresholds

    claim(9_000_00)
    lax = bundled_thresholds().replace("default-1", "lax")
    thresholds.load(lax, recorded_at=NOW, actor="test")
    request = installation.ask(FORGED)
    match()
    assert (state_of(request), no_statement(), money()) == ("approval", True, [])
    without = Person("vikram", "revenue_officer", enrolled=False)
    installation.treasurer = without
    refused = installation.ask(csv_of(upi(8_000_00)))
    assert (state_of(refused), no_statement()) == ("refused", True)


def test_a_forged_a_replayed_and_a_colleagues_assertion_accept_nothing(installation, thief):
    tara, other = installation.treasurer, Person("uma", "revenue_officer")
    claim(9_000_00)
    request = installation.ask(FORGED)
    forger = authenticator()
    forger.id = tara.passkey.id
    answer(thief, request, tara.id, forger.approve(challenge(request), counter=99))
    answer(thief, request, other.id, other.passkey.approve(challenge(request)))
    assert (state_of(request), no_statement()) == ("approval", True)
    real = installation.ask(csv_of((day(2), 100, "CASH")))
    given = tara.passkey.approve(challenge(real))
    answer(thief, real, tara.id, given)
    assert state_of(real) == "done"
    answer(thief, request, tara.id, given)
    assert (state_of(request), money()) == ("approval", [])


def test_an_assertion_for_one_file_accepts_no_other(installation, thief):
    """The thief swaps the number of the upload, or the hash, under the person who approves."""
    from urja.usecases.operations import LoadStatement

    tara = installation.treasurer
    honest, forged = installation.upload(csv_of((day(2), 100, "CASH"))), installation.upload(FORGED)
    swapped = tara.ask(LoadStatement(**installation.content(honest) | {"upload_id": forged.id}))
    work()
    assert state_of(swapped) == "refused"
    assert "is not the one with the hash" in str(swapped.faults[0])
    assert no_statement()


def second_account():
    from urja.apps.bank import accounts

    return accounts.open_account(
        name="second",
        holder="Neem Residents",
        number="50100099999999",
        ifsc="HDFC0001234",
        vpa="",
        currency="INR",
        now=NOW,
        actor="test",
    )


def test_an_assertion_for_one_account_accepts_a_file_for_no_other(installation):
    """The thief stores the file for another account than the one that the person approves."""
    from urja.usecases.operations import LoadStatement

    shown = installation.account
    installation.account = second_account()
    stored = installation.upload(FORGED)
    installation.account = shown
    swapped = installation.treasurer.ask(LoadStatement(**installation.content(stored)))
    work()
    assert state_of(swapped) == "refused"
    assert "was uploaded for account second (50100099999999)" in str(swapped.faults[0])
    assert no_statement()


def test_the_account_is_in_the_content_that_the_passkey_signs(installation):
    request = installation.ask(FORGED)
    assert (request.content["bank_account"], request.content["account_number"]) == (
        "society",
        "50100012345678",
    )


def test_the_same_bytes_under_a_second_account_store_no_payment_twice(installation):
    from urja.apps.bank.models import Entry

    installation.load(csv_of(upi(500_00)))
    installation.account = second_account()
    again = installation.ask(csv_of(upi(500_00)))
    assert state_of(again) == "refused"
    assert "is loaded already" in str(again.faults[0])
    assert Entry.objects.count() == 1


def test_a_claim_of_a_transfer_to_another_account_is_a_rival(installation):
    from urja.apps.bank.models import Claim

    honest, stolen = claim(500_00, 1), claim(500_00, 2)
    Claim.objects.filter(id=stolen.id).update(bank_account=second_account())
    installation.load(csv_of(upi(500_00)))
    assert (state(honest)[0], state(stolen)[0], money()) == ("clerk", "clerk", [])


def test_bytes_that_changed_after_the_assertion_are_not_accepted(installation, thief, database):
    request = installation.ask(csv_of((day(2), 100, "CASH")))
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        thief.execute("UPDATE bank_upload SET body = %s", [FORGED])
    # Even where a role could: the hash is what was approved.
    with database.connect() as owner:
        owner.execute("UPDATE bank_upload SET body = %s", [FORGED])
    installation.treasurer.approve(request)
    work()
    assert (state_of(request), no_statement()) == ("refused", True)


def test_content_that_changed_after_the_question_is_not_accepted(installation, thief, database):
    request = installation.ask(csv_of((day(2), 100, "CASH")))
    forged = installation.upload(FORGED)
    with database.connect() as owner:
        owner.execute(
            "UPDATE journal_request SET content = content || jsonb_build_object('upload_id', %s::bigint, 'sha256', %s::text)"
            " WHERE id = %s",
            [forged.id, forged.sha256, request.pk],
        )
    given = installation.treasurer.passkey.approve(challenge(request))
    answer(thief, request, installation.treasurer.id, given)
    request.refresh_from_db()
    assert no_statement()


FORBIDDEN = (
    "INSERT INTO bank_account (name, holder, number, ifsc, vpa, currency, opened_at, actor) VALUES ('x','x','1','','','INR',now(),'')",
    "UPDATE bank_account SET vpa = 'thief@okbank'",
    "INSERT INTO bank_statement (file_name) VALUES ('x')",
    "INSERT INTO bank_entry (amount_minor) VALUES (1)",
    "INSERT INTO bank_match (amount_minor) VALUES (1)",
    "UPDATE bank_match SET reversed_at = now()",
    "UPDATE bank_claim SET state = 'credited'",
    "UPDATE bank_claim SET account_id = 1",
    "DELETE FROM bank_claim",
    "DELETE FROM bank_upload",
    "INSERT INTO bank_claim (id, account_id, bank_account_id, utr, amount_minor, paid_on, actor, claimed_at, state) VALUES (1,1,1,'x',1,now(),'',now(),'credited')",
    "SELECT utr FROM bank_entry",
    "SELECT narration FROM bank_entry",
    "SELECT reference_sha256 FROM bank_entry",
    "SELECT body FROM bank_statement",
    "SELECT body FROM bank_upload",
)  # fmt: skip


def test_the_web_writes_no_statement_and_reads_no_reference(installation, thief):
    for statement in FORBIDDEN:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            thief.execute(statement)


def test_the_database_refuses_a_statement_without_the_passkey_of_its_actor(installation, database):
    """Whatever code the pipeline runs: the role is the pipeline's, and the request a real one that waits."""
    request = installation.ask(FORGED)
    with (
        database.connect("urja_pipeline") as pipeline,
        pytest.raises(psycopg.errors.IntegrityError, match="is not accepted by the passkey"),
    ):
        pipeline.execute(
            "INSERT INTO bank_statement (bank_account_id, file_name, body, sha256, format, approval_id, operation_id, actor,"
            " loaded_at, from_on, through_on, opening_minor, closing_minor, entries, repeated) VALUES"
            " (%s, '', %s, %s, 'csv', %s, 1, %s, now(), now(), now(), 0, 0, 0, 0)",
            [
                installation.account.pk,
                FORGED,
                hashlib.sha256(FORGED).hexdigest(),
                request.pk,
                installation.treasurer.actor,
            ],
        )


def test_what_a_claim_says_is_the_same_whether_the_reference_exists(installation):
    """A thief who guesses references with another amount learns nothing from states and times."""
    installation.load(csv_of(upi(500_00), through=day(5)))
    real, invented = claim(1, 2, UTR), claim(1, 2, "412345678999")
    match()
    assert (state(real), state(invented)) == ("waiting", "waiting")
    installation.load(csv_of((day(9), 5, "X"), opening=500_00, through=day(9)))
    assert [state(one)[0] for one in (real, invented)] == ["clerk", "clerk"]
    from urja.apps.bank import queries

    assert len({(one.state, one.judged_at) for one in queries.claims_of(account_of(2))}) == 1


def test_claims_of_an_account_are_bounded_also_past_the_page(installation, thief):
    insert = (
        "INSERT INTO bank_claim (id, account_id, bank_account_id, utr, amount_minor, paid_on, actor, claimed_at)"
        " VALUES (%s, %s, %s, %s, 1, '2026-03-02', 'user 1', now())"
    )
    for number in range(5):
        thief.execute(insert, [number + 1, account_of(1), installation.account.pk, f"41234567880{number}"])
    with pytest.raises(psycopg.errors.ProgramLimitExceeded):
        thief.execute(insert, [9, account_of(1), installation.account.pk, "412345678809"])


def test_a_claim_in_time_of_anothers_transfer_takes_nothing_from_its_payer(installation):
    """The thief reads a claim and claims the same for an own account: a clerk decides, and neither is believed."""
    honest, stolen = claim(500_00, 1), claim(500_00, 2)
    installation.load(csv_of(upi(500_00)))
    assert (state(honest)[0], state(stolen)[0], money()) == ("clerk", "clerk", [])


PAYOUT_UTR = "HDFC261234567890"


def report_of_the_gateway(database, utr=PAYOUT_UTR, net=976_40):
    """A row of a settlement report, which the web's role reads."""
    with database.connect() as owner:
        owner.execute(
            "INSERT INTO payments_settlement_row (provider, entity_id, kind, payment_id, settlement_id, utr, day, amount_minor,"
            " currency, fee_minor, tax_minor, credit_minor, debit_minor, created_at, settled_at, seen_at) VALUES"
            " ('main', 'pay_1', 'payment', 'pay_1', 'setl_1', %s, %s, 100000, 'INR', 2360, 360, %s, 0, %s, %s, %s)",
            [utr, day(2), net, NOW, NOW, NOW],
        )


def entry_of(minor):
    from urja.apps.bank.models import Entry

    return Entry.objects.get(amount_minor=minor).pk


def refused_everywhere(installation, database, claim_id, minor):
    """An entry is shown to no clerk, credited by no decision, and by no row of the pipeline's role."""
    from urja.apps.bank import queries
    from urja.usecases.operations import DecideClaim

    about = queries.claim(claim_id)
    assert entry_of(minor) not in [one.id for one in (*queries.candidates(about), *queries.unclaimed())]
    decided = installation.do(
        DecideClaim(claim_id=claim_id, decision="credit", bank_entry_id=entry_of(minor), reason="paid")
    )
    assert "and no transfer" in str(decided.faults[0])
    with database.connect("urja_pipeline") as pipeline, pipeline.transaction(force_rollback=True):
        pipeline.execute(CREDIT, [account_of(2), minor, f"bank:{entry_of(minor)}"])
        with pytest.raises(psycopg.errors.IntegrityError, match="is not what the entry and claim"):
            pipeline.execute(MATCH, [entry_of(minor), claim_id, account_of(2), minor])
    assert money() == []


CLAIM = (
    "INSERT INTO bank_claim (id, account_id, bank_account_id, utr, amount_minor, paid_on, actor, claimed_at)"
    " VALUES (%s, %s, %s, %s, %s, '2026-03-02', 'user 1', now())"
)
CREDIT = (
    "INSERT INTO books_credit_request (id, account_id, amount_minor, kind, reference, idempotency_key, input_hash,"
    " correlation, requested_at) VALUES (99, %s, %s, 'recharge', '', %s, '', 0, now())"
)
MATCH = (
    "INSERT INTO bank_match (entry_id, claim_id, account_id, amount_minor, credit_id, matched_at)"
    " VALUES (%s, %s, %s, %s, 99, now())"
)


@pytest.mark.parametrize("written", [PAYOUT_UTR, f" {PAYOUT_UTR.lower()} "])
def test_a_payout_of_a_gateway_is_no_consumers_transfer(installation, thief, database, written):
    """The thief reads reference and net amount in the gateway's report, and claims both."""
    from urja.apps.bank.models import Claim

    report_of_the_gateway(database, written)
    (utr, net) = thief.execute("SELECT utr, credit_minor FROM payments_settlement_row").fetchone()
    thief.execute(CLAIM, [7, account_of(2), installation.account.pk, utr.strip().upper(), net])
    installation.load(csv_of((day(2), 976_40, f"NEFT RAZORPAY {PAYOUT_UTR}"), through=day(9)))
    assert state(Claim.objects.get(id=7)) == ("clerk", "bank_not_found")
    refused_everywhere(installation, database, 7, 976_40)


@pytest.mark.parametrize("number", ["004711", "123456"])
@pytest.mark.parametrize("text", ["BY CLG {number}", "UPI/412345678977/BY CLG 0000000000{number}"])
def test_a_cheque_on_a_slip_is_no_transfer_of_its_drawer(installation, thief, database, number, text):
    """The drawer of a cheque, who knows its number, reports it as a transfer; in the column it is filled with zeros."""
    from tests.apps.counter_cast import ask, cheque, opened, receipt

    from urja.apps.bank.models import Claim
    from urja.usecases.operations import DepositTakings

    meena = Person("meena")
    meena.drawer = opened(meena)
    paid = receipt(cheque(meena, 300_00, cheque_number=number))
    assert (
        state_of(ask(meena, DepositTakings(deposited_on=day(2), cash=(), receipt_ids=(paid.id,)))) == "done"
    )
    thief.execute(CLAIM, [7, account_of(2), installation.account.pk, f"000000{number}", 300_00])
    thief.execute(CLAIM, [8, account_of(2), installation.account.pk, "412345678977", 300_00])
    body = (
        "Date,Narration,Chq./Ref.No.,Debit,Credit,Balance\n"
        f"01/03/2026,CASH,,,1.00,1.00\n02/03/2026,{text.format(number=number)},0000000000{number},,300.00,301.00\n"
        "09/03/2026,CASH,,,1.00,302.00\n"
    )
    installation.load(body.encode(), opening_minor=0)
    assert [state(Claim.objects.get(id=one)) for one in (7, 8)] == [("clerk", "bank_not_found")] * 2
    refused_everywhere(installation, database, 7, 300_00)


def test_a_padded_cheque_number_is_no_reference(installation, thief):
    """Also where no receipt has the cheque, as where the slip is recorded later."""
    from urja.apps.bank.models import Claim

    thief.execute(CLAIM, [7, account_of(2), installation.account.pk, "000000123456", 300_00])
    body = (
        "Date,Narration,Chq./Ref.No.,Debit,Credit,Balance\n02/03/2026,BY CLG,0000000000123456,,300.00,300.00\n"
        "09/03/2026,CASH,,,1.00,301.00\n"
    )
    installation.load(body.encode(), opening_minor=0)
    assert (state(Claim.objects.get(id=7)), money()) == (("clerk", "bank_not_found"), [])


def test_the_societys_own_returned_payment_is_not_its_payees(installation):
    """The payee knows the reference of what the society sent; the payment comes back under it."""
    own = claim(500_00, 2)
    installation.load(
        csv_of((day(1), -500_00, f"NEFT/UPI/DR/{UTR}/PAYEE"), upi(500_00), opening=900_00, through=day(9))
    )
    assert (state(own), money()) == (("clerk", "bank_taken_back"), [])


LARGE = 100_000_00
"""From this amount on a second person is needed (`money.second`)."""


def needed(request):
    from urja.apps.approvals.models import Waiting

    waiting = Waiting.objects.get(pk=request.pk)
    return waiting.need, " ".join(map(str, waiting.why))


def test_a_statement_counts_by_what_it_credits(installation):
    """A lone treasurer who loads an invented statement over the threshold, or two that come to it."""
    second = Person("uma", "revenue_officer")
    claim(LARGE)
    request = installation.ask(csv_of(upi(LARGE)))
    installation.treasurer.approve(request)
    work()
    match()
    assert (state_of(request), no_statement(), money()) == ("approval", True, [])
    second.approve(request)
    work()
    match()
    assert (state_of(request), money()) == ("done", [(1, LARGE)])
    again = installation.ask(csv_of(upi(1_00, on=3, utr="412345678902"), opening=LARGE))
    need, why = needed(again)
    assert need == 2
    assert "come to 100001.00" in why


def test_the_database_refuses_a_statement_over_the_threshold_with_one_passkey(installation, database):
    Person("uma", "revenue_officer")
    body = csv_of(upi(LARGE))
    request = installation.ask(body)
    installation.treasurer.approve(request)
    work()
    with (
        database.connect("urja_pipeline") as pipeline,
        pytest.raises(psycopg.errors.IntegrityError, match="needs a second person by its amount"),
    ):
        pipeline.execute(STATEMENT, statement_of(installation, body, request))


def test_a_treasurer_without_a_colleague_waits_until_all_staff_was_notified_for_a_day(installation):
    with open_relay() as relay, override_settings(**mailers(relay)):
        request = installation.ask(csv_of(upi(LARGE)))
        installation.treasurer.approve(request)
        work()
        assert (state_of(request), no_statement()) == ("approval", True)
        assert relay.to == [installation.treasurer.email]
        work(NOW + timedelta(hours=25))
    assert (state_of(request), no_statement()) == ("done", False)


def test_a_statement_counts_what_it_takes_back(installation):
    """An invented return of each transfer would debit them all."""
    claim(60_000_00)
    installation.load(csv_of(upi(60_000_00)))
    request = installation.ask(
        csv_of((day(3), -60_000_00, f"UPI/DR/{UTR}/RETURN/"), opening=60_000_00),
    )
    assert needed(request)[0] == 2


def test_payouts_of_a_gateway_count_nothing(installation, database):
    """They are credited to no account by the statement."""
    report_of_the_gateway(database, net=LARGE)
    request = installation.ask(csv_of((day(2), LARGE, f"NEFT RAZORPAY {PAYOUT_UTR}")))
    assert needed(request)[0] == 1


@pytest.mark.parametrize("first", [False, True])
def test_a_statement_after_a_gap_needs_a_second_person(installation, first):
    """Its balances are those of no other statement: they are as invented as its entries."""
    second = Person("uma", "revenue_officer")
    installation.load(csv_of((day(2), 100, "CASH"), opening=50))
    # Below a day of the stored one, or after it with another balance.
    forged = csv_of(upi(9_00, on=1 if first else 3), opening=77)
    claim(9_00)
    request = installation.ask(forged)
    assert needed(request) == (2, ANY_GAP)
    installation.treasurer.approve(request)
    work()
    match()
    assert (state_of(request), money()) == ("approval", [])
    second.approve(request)
    work()
    assert state_of(request) == "done"


ANY_GAP = "an operation of this kind always needs passkeys its opening balance is that of no earlier statement of the account"


def test_the_database_refuses_a_statement_after_a_gap_with_one_passkey(installation, database):
    """Whatever the pipeline's code counts: the request waits with one passkey, of its actor."""
    from urja.apps.approvals.models import Waiting

    Person("uma", "revenue_officer")
    installation.load(csv_of((day(2), 100, "CASH"), opening=50))
    forged = csv_of(upi(9_00, on=3), opening=77)
    request = installation.ask(forged)
    installation.treasurer.approve(request)
    work()
    with database.connect("urja_pipeline") as pipeline:
        for need in (2, 1):
            Waiting.objects.filter(pk=request.pk).update(need=need)
            with (
                pytest.raises(psycopg.errors.IntegrityError, match="adjoins no statement"),
                pipeline.transaction(force_rollback=True),
            ):
                pipeline.execute(STATEMENT, statement_of(installation, forged, request, opening=77))
    assert state_of(request) == "approval"


STATEMENT = (
    "INSERT INTO bank_statement (bank_account_id, file_name, body, sha256, format, approval_id, operation_id, actor,"
    " loaded_at, from_on, through_on, opening_minor, closing_minor, entries, repeated) VALUES"
    " (%s, '', %s, %s, 'csv', %s, 1, %s, %s, %s, %s, %s, 977, 1, 0)"
)


def statement_of(installation, body, request, *, opening=0, on=None):
    on = on or day(3)
    actor = installation.treasurer.actor
    sha256 = hashlib.sha256(body).hexdigest()
    return [installation.account.pk, body, sha256, request and request.pk, actor, NOW, on, on, opening]


def test_a_statement_of_days_to_come_is_refused(installation, database):
    """Claims of five days would be judged as if the statement had shown them, and entries to come credit at once."""
    own = claim(9_00, utr="412345678999")
    for body in (csv_of(upi(9_00, on=4)), csv_of((day(2), 1, "CASH"), through=day(9))):
        request = installation.ask(body, NOW)
        assert state_of(request) == "refused"
        assert "which is to come" in str(request.faults[0])
    match()
    assert (state(own), no_statement()) == ("waiting", True)
    with (
        database.connect("urja_pipeline") as pipeline,
        pytest.raises(psycopg.errors.CheckViolation, match="bank_statement_is_of_the_past"),
    ):
        pipeline.execute(STATEMENT, statement_of(installation, body, None, on=day(5)))


WITHOUT_OPENING = b"""Date,Narration,Debit,Credit,Balance
02/03/2026,UPI/CR/412345678901/RAVI/,,500.00,900.00
"""


def test_the_oldest_row_of_a_file_without_an_opening_balance_is_not_believed(installation):
    """Its amount was changed: balance and amount agree with any opening balance that the file does not name."""
    changed = WITHOUT_OPENING.replace(b"500.00", b"899.00")
    for body, fields, said in (
        (WITHOUT_OPENING, {}, "names no opening balance"),
        (changed, {"opening_minor": 400_00}, "begins with 1.00, not with 400.00"),
        (csv_of(upi(500_00), opening=400_00), {"opening_minor": 300_00}, "begins with 400.00"),
    ):
        request = installation.ask(body, **fields)
        assert state_of(request) == "refused"
        assert said in str(request.faults[0])
    claim(500_00)
    installation.load(WITHOUT_OPENING, opening_minor=400_00)
    assert money() == [(1, 500_00)]
    # Later the earlier statement says it.
    installation.load(b"Date,Narration,Debit,Credit,Balance\n03/03/2026,CASH,,1.00,901.00\n")


def test_claims_that_are_dated_back_count_as_guesses(installation, thief):
    """The thief writes claims past the page, as if they were of another year, to go on guessing references."""
    from urja.apps.bank.models import Claim

    insert = CLAIM.replace("now()", "'2025-01-01'")
    for number in range(3):
        thief.execute(
            insert, [number + 1, account_of(2), installation.account.pk, f"41234567880{number}", 500_00]
        )
    installation.load(csv_of((day(2), 1_00, "CASH"), through=day(7)))
    thief.execute(insert, [9, account_of(2), installation.account.pk, UTR, 500_00])
    installation.load(csv_of(upi(500_00, on=7), opening=1_00))
    assert (state(Claim.objects.get(id=9)), money()) == (("clerk", "bank_many_not_found"), [])


def test_the_database_stores_a_file_once_over_all_accounts(installation, database):
    """Whatever the pipeline's code looks up before."""
    body = csv_of(upi(500_00))
    installation.load(body)
    installation.account = second_account()
    with (
        database.connect("urja_pipeline") as pipeline,
        pytest.raises(psycopg.errors.UniqueViolation, match="bank_statement_once"),
    ):
        pipeline.execute(STATEMENT, statement_of(installation, body, None))


def test_a_payer_whose_name_reads_like_a_reversal_is_credited(installation):
    """A word in the payer's name, or in a note that the payer writes, makes no reversal of a payment."""
    claim(500_00, utr="HDFC260302123456")
    installation.load(csv_of((day(2), 500_00, "NEFT REV THOMAS HDFC260302123456")))
    assert money() == [(1, 500_00)]


def test_uploads_that_are_dated_ahead_keep_no_place(installation, thief):
    """The thief fills all places with files that expire in the next century."""
    insert = (
        "INSERT INTO bank_upload (id, bank_account_id, file_name, body, user_id, uploaded_at)"
        " VALUES (%s, %s, '', 'x', %s, '2199-01-01')"
    )
    for number in range(50):
        thief.execute(insert, [number + 1, installation.account.pk, number % 5])
    match()
    installation.load(csv_of((day(2), 1_00, "CASH")))


def test_one_person_keeps_no_other_from_loading_a_statement(installation, thief):
    """A colleague, or the web in their name, stores files until no more are taken."""
    insert = (
        "INSERT INTO bank_upload (id, bank_account_id, file_name, body, user_id, uploaded_at)"
        " VALUES (%s, %s, '', 'x', 7, %s)"
    )
    for number in range(20):
        thief.execute(insert, [number + 1000, installation.account.pk, NOW])
    with pytest.raises(psycopg.errors.ProgramLimitExceeded):
        thief.execute(insert, [1099, installation.account.pk, NOW])
    installation.load(csv_of((day(2), 1_00, "CASH")))
