"""Statements of account on the consumer's page, on the console, by the API and on the command line."""

import hashlib
import json
import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import msgspec
import psycopg
import pytest
from click.testing import CliRunner
from tests.apps import town
from tests.apps.payments.till import as_role
from tests.conftest import PASSWORD
from tests.pipeline.test_seal import exported, new_sealer
from tests.web.reading import text_of

MARCH_ENDS = datetime(2026, 3, 31, 18, 30, tzinfo=UTC)


def state_march(postgres, account_id):
    """Close March of the account, with a read of its last midnight; return its statement."""
    from django.db import connections

    from urja.apps.assets.models import DevicePeriod
    from urja.apps.contracts import queries as contracts
    from urja.apps.statements.queries import statement, statements_of
    from urja.pipeline import post

    agreement = contracts.agreement_at(account_id, MARCH_ENDS)
    device = DevicePeriod.objects.get(service_point_id=agreement.service_point_id)
    meter = SimpleNamespace(
        service_point_id=agreement.service_point_id, agreement_id=agreement.id, device_id=device.device_id
    )
    name = connections["default"].settings_dict["NAME"]
    conninfo = postgres.conninfo(dbname=name, user="urja_pipeline", password=PASSWORD)
    with psycopg.connect(conninfo, autocommit=True) as connection:
        town.store_registers(connection, town.registers(meter, (MARCH_ENDS, 1_500_000)))
    with as_role("urja_pipeline"):
        post.run_once(MARCH_ENDS + timedelta(minutes=20))
    (found,) = statements_of(account_id)
    return statement(account_id, found.number)


@pytest.fixture
def stated(home, postgres):
    return state_march(postgres, home.account_id)


def test_a_consumer_sees_the_statement_and_no_other_account_does(home, stated, browser):
    person = browser(user_id=home.owner_id)
    assert "Statements of account" in text_of(person.get("/"))
    listed = text_of(person.get(f"/accounts/{home.account_id}/statements/"))
    assert "1 March 2026 to 31 March 2026" in listed
    address = f"/accounts/{home.account_id}/statements/{stated.summary.number}/"
    words = text_of(person.get(address))
    for said in (
        f"Statement of account {stated.summary.number}",
        "2 March 2026 to 31 March 2026",
        "Charges of the period",
        "Opening credit 3 March +₹1,400.00",
        "Balance at the beginning ₹0.00",
        "Charges up to the end of the period",
        "Balance at the end",
        "Use 211.879 kWh",
        f"SHA-256 {stated.summary.sha256}",
    ):
        assert said in words, words
    assert stated.content.total_minor == stated.content.bill.total_minor > 0
    outsider = browser(user_id=home.outsider_id)
    for page in ("", f"{stated.summary.number}/", f"{stated.summary.number}/data.json"):
        assert outsider.get(f"/accounts/{home.account_id}/statements/{page}").status_code == 404
    assert person.get(f"/accounts/{home.account_id}/statements/9-1/").status_code == 404


def test_it_is_in_hindi_too(home, stated, browser):
    hindi = browser(user_id=home.owner_id, language="hi")
    words = text_of(hindi.get(f"/accounts/{home.account_id}/statements/{stated.summary.number}/"))
    for said in ("खाता विवरण", "अवधि के शुल्क", "शुरू में शेष राशि", "अंत में शेष राशि", "खपत", "31 मार्च 2026"):
        assert said in words


def test_its_data_are_what_its_hash_was_taken_over(home, stated, browser):
    person = browser(user_id=home.owner_id)
    address = f"/accounts/{home.account_id}/statements/{stated.summary.number}/data.json"
    data = person.get(address).content
    assert hashlib.sha256(bytes.fromhex(stated.previous_sha256) + data).hexdigest() == stated.summary.sha256
    assert json.loads(data)["total_minor"] == stated.content.total_minor


def test_the_proof_of_a_statement_can_be_downloaded_once_its_day_is_sealed(home, stated, browser, tmp_path):
    from urja.apps.proofs.receipts import Receipt, check

    person, address = (
        browser(user_id=home.owner_id),
        f"/accounts/{home.account_id}/statements/{stated.summary.number}/",
    )
    assert "can be downloaded from tomorrow" in text_of(person.get(address))
    assert person.get(f"{address}proof/").status_code == 404
    sealer = new_sealer(tmp_path)
    with as_role("urja_pipeline"):
        sealer.run_once(MARCH_ENDS + timedelta(days=1, minutes=10))
    assert "Download the proof of this statement" in text_of(person.get(address))
    file = person.get(f"{address}proof/").content
    receipt = msgspec.json.decode(file, type=Receipt)
    assert check(receipt, exported(sealer)).head.number == 1
    assert receipt.statements[0].content == stated.text
    assert browser(user_id=home.outsider_id).get(f"{address}proof/").status_code == 404


def test_a_revision_says_what_it_revises_by_how_much_and_why(home, stated):
    from urja.apps.statements.kinds import LateCharge, RevisedStatement
    from urja.web.shared.account_card import AccountCard
    from urja.web.shared.statement_page import statement_page

    late = LateCharge(
        seq=90, day=date(2026, 4, 2), line="energy", title="Energy charge", charged_minor=315, one_bill=False,
        cause="late-reading",
    )  # fmt: skip
    content = msgspec.structs.replace(
        stated.content,
        total_minor=stated.content.total_minor + 315,
        late=(late, msgspec.structs.replace(late, cause="")),
        revises=RevisedStatement(number="7-1", sha256="", total_minor=stated.content.total_minor),
        bill=msgspec.structs.replace(stated.content.bill, provisional=True),
    )
    found = SimpleNamespace(summary=SimpleNamespace(revised_by="7-3", sha256="ab"), content=content)
    card = AccountCard(1, "Flat 12", "URJ1", "/", None, 0, ordered=False)
    page = statement_page(card, found)
    assert page.remarks[0] == "A later statement, 7-3, revises this one."
    assert page.remarks[1].startswith("It revises statement 7-1, by which the period came to ₹")
    assert page.remarks[1].endswith("The difference is +₹3.15.")
    assert page.remarks[2] == "Provisional: the reading at the end of the period has not come yet."
    assert next((line.title, line.amount, line.note) for line in page.late) == (
        "Energy charge",
        "+₹3.15",
        "posted on 2 April 2026",
    )
    assert page.causes == [
        "A reading came after an earlier day was charged. This entry makes up the difference.",
        "The period was calculated again from all that is known.",
    ]


def test_a_final_statement_has_no_charges_of_its_own(home, postgres, browser, monkeypatch):
    """Inserted here; `tests/pipeline/test_final_statements.py` has the stage that makes it."""
    from urja.site.admin import Administration
    from urja.site.cli.statement import statement as command

    number = insert_final(home, postgres)
    person = browser(user_id=home.owner_id)
    assert f"Statement of account {number} · Final statement" in text_of(
        person.get(f"/accounts/{home.account_id}/statements/")
    )
    address = f"/accounts/{home.account_id}/statements/{number}/"
    page = person.get(address)
    words = text_of(page)
    for said in (
        "Final statement: what moved the balance after the last billing period of the agreement.",
        "Refund 1 April −₹20.00",
        "Balance at the end ₹0.00",
    ):
        assert said in words, words
    assert not any(f'id="{absent}"' in page.content.decode() for absent in ("charges", "reads", "total"))
    assert "Charges up to the end" not in words
    assert "अंतिम खाता विवरण" in text_of(browser(user_id=home.owner_id, language="hi").get(address))
    monkeypatch.setattr(Administration, "of", lambda _data: SimpleNamespace(setup_django=lambda: None))
    listed = CliRunner().invoke(command, ["list", str(home.account_id)])
    assert listed.stdout.endswith("charges 0  balance 2000 to 0, final\n")
    shown = CliRunner().invoke(command, ["show", str(home.account_id), number])
    assert "final: what was posted after the agreement's last period" in shown.stdout


def insert_final(home, postgres):
    from django.db import connections

    from urja.apps.contracts import queries as contracts
    from urja.apps.statements.kinds import AccountMovement, OneBill, StatementContent
    from urja.base.ids import bucket_of, compose_id

    first, end, bucket = date(2026, 4, 1), date(2026, 4, 2), bucket_of(home.account_id)
    refund = AccountMovement(seq=90, day=first, line="refund", title="refund", amount_minor=-2000)
    content = StatementContent(
        number=f"{bucket}-1", made_at=MARCH_ENDS, agreement_id=contracts.agreement_at(home.account_id, MARCH_ENDS).id,
        account_id=home.account_id, consumer_number="URJ1", commodity="electricity", currency="INR", period_from=first,
        period_to=end, total_minor=0, opening_minor=2000, closing_minor=0, payments=(), adjustments=(refund,),
        corrections=(), late=(), final=True,
        bill=OneBill(
            lines=(), billed_from=first, billed_to=end, use=0, determinants={}, opening_read=None, closing_read=None,
            tariffs=(), provisional=False,
        ),
    )  # fmt: skip
    name = connections["default"].settings_dict["NAME"]
    with psycopg.connect(
        postgres.conninfo(dbname=name, user="urja_owner", password=PASSWORD), autocommit=True
    ) as owner:
        owner.execute("ALTER TABLE statements_statement DISABLE TRIGGER USER")
        owner.execute(
            "INSERT INTO statements_statement (id, bucket, number, agreement_id, account_id, period_start, period_end, "
            "through_seq, opening_minor, closing_minor, total_minor, content, previous_sha256, sha256, made_at, final) "
            "VALUES (%s, %s, 1, %s, %s, %s, %s, 90, 2000, 0, 0, %s, 'x', 'x', now(), true)",
            [
                compose_id(bucket, 1),
                bucket,
                content.agreement_id,
                home.account_id,
                first,
                end,
                msgspec.json.encode(content).decode(),
            ],
        )
    return content.number


def test_the_command_line_lists_and_shows_it(home, stated, monkeypatch):
    from urja.site.admin import Administration
    from urja.site.cli.statement import statement as command

    monkeypatch.setattr(Administration, "of", lambda _data: SimpleNamespace(setup_django=lambda: None))
    number, account = stated.summary.number, str(home.account_id)
    listed = CliRunner().invoke(command, ["list", account])
    assert listed.stdout.startswith(
        f"{number}  2026-03-01 to 2026-04-01  charges {stated.content.total_minor}"
    )
    shown = CliRunner().invoke(command, ["show", account, number])
    assert f"balance at the end {stated.content.closing_minor}" in shown.stdout
    as_json = CliRunner().invoke(command, ["show", account, number, "--json"])
    assert json.loads(as_json.stdout)["number"] == number
    assert "has no statement 9-9" in str(CliRunner().invoke(command, ["show", account, "9-9"]).exception)


def test_a_statement_that_the_database_refuses_is_on_the_console_until_it_is_made(
    at_noon, staff, colleague, database_of_town
):
    said = "account 7: the database refuses the statement from 2026-03-01: statement 7-1 states 0, 0 and 5; the ledger has 0, 0 and 1"
    house = at_noon.adopted[0]
    with database_of_town("urja_owner") as owner:
        owner.execute(
            "INSERT INTO statements_due (agreement_id, period_start, bucket, closed, due_at, recorded_at, problem) "
            "VALUES (%s, '2026-03-01', 7, true, '2026-04-01', '2026-03-02 08:00+05:30', %s)",
            [house.agreement_id, said],
        )
    officer = colleague("revenue_officer")
    page = text_of(officer.get("/console/payments/"))
    assert (
        "Statements of account that the database refuses 1 Nothing was posted for them, and each is tried again every hour."
    ) in page
    assert (
        "URJ00000001 Billing period from 1 March 2026 · today, 08:00 Statement 7-1 has the opening balance 0, the closing balance 0 and"
        " charges of 5; the ledger has 0, 0 and 1 (in minor units)."
    ) in page
    hindi = text_of(officer.get("/console/payments/", headers={"Accept-Language": "hi"}))
    assert "खाता विवरण जिन्हें डेटाबेस अस्वीकार करता है" in hindi
    assert "खाता विवरण 7-1 में आरंभिक शेष 0" in hindi
    with database_of_town("urja_owner") as owner:
        owner.execute("DELETE FROM statements_due")
    assert "database refuses" not in text_of(officer.get("/console/payments/"))


def test_each_reason_for_which_triggers_refuse_a_statement_has_words_in_hindi():
    """As the functions have them; a reason of unknown shape is shown as it is kept."""
    from django.utils.translation import override

    from urja.apps import statements
    from urja.web.console.statement_words import refusal_reason

    rules = "".join(path.read_text() for path in Path(statements.__file__).parent.glob("migrations/*.sql"))
    reasons = {
        # The last one that is defined counts, and quotes are written twice.
        re.sub("%", "7", text.replace("''", "'"))
        for text in re.findall(r"RAISE EXCEPTION '(statement %-%(?:[^']|'')*)'", rules)
    }
    assert len(reasons) == 9
    with override("hi"):
        for reason in reasons:
            said = refusal_reason(f"account 7: the database refuses the statement from 2026-03-01: {reason}")
            assert "खाता विवरण 7-7" in said, reason
            assert not re.search("[a-z]{3}", said), said
        assert refusal_reason("out of space") == "out of space"
