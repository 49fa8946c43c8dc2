"""`urja policy check`, and the past under a document: thought through by hand, then from a real database."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest
from click.testing import CliRunner
from tests.apps.town import adopt, protect
from tests.site.commands import urja

from urja.core import policy as policies
from urja.core.calendar import Period, month_of
from urja.core.policy import bundled_policies, parse_policy
from urja.site.cli.policy import policy, replay_all
from urja.site.cli.policy_replay import Happened, History, Posting, replay
from urja.site.cli.tariff import tariff
from urja.site.command_errors import CommandError

IST = ZoneInfo("Asia/Kolkata")
DOCUMENTS = f"{policies.__path__[0]}/documents"
PLAIN, UPPCL = (parse_policy(bundled_policies()[name]) for name in ("plain.toml", "uppcl-modelled.toml"))
BEGIN = datetime(2026, 11, 2, tzinfo=IST)
"""A Monday."""
END = datetime(2026, 12, 1, tzinfo=IST)


def urja_policy(*arguments):
    return urja("policy", *arguments)


def test_check_says_all_that_is_wrong(tmp_path):
    good = urja_policy("check", f"{DOCUMENTS}/plain.toml", f"{DOCUMENTS}/uppcl-modelled.toml")
    assert (good.returncode, good.stderr) == (0, "")
    assert "valid: uppcl-modelled 2025-09.3 from 2025-09-01" in good.stdout
    bad = tmp_path / "bad.toml"
    bad.write_text(bundled_policies()["plain.toml"].replace("at_most = 3", "at_most = 0\nat_least = 0"))
    wrong = urja_policy("check", str(bad))
    assert wrong.returncode == 2
    assert len(wrong.stdout.splitlines()) == 2
    told = json.loads(urja_policy("check", "--json", str(bad)).stdout)["faults"][str(bad)]
    assert [fault["where"] for fault in told] == ["payments.at_most", "payments.at_least"]


@pytest.mark.parametrize("group", [policy, tariff], ids=["policy", "tariff"])
def test_a_document_to_begin_with_is_valid_and_overwrites_nothing(group, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        return CliRunner().invoke(group, arguments)

    assert run("template", "first.toml").output == "wrote first.toml\n"
    checked = run("check", "first.toml")
    assert (checked.exit_code, "first.toml: valid: " in checked.output) == (0, True)
    assert "already exists" in str(run("template", "first.toml").exception)
    assert "cannot be written" in str(run("template", "no/first.toml").exception)


def test_check_says_what_the_channels_cannot_give(tmp_path):
    config = tmp_path / "urja.toml"
    config.write_text('[messages.channels.mail]\nprovider = "smtp"\n')
    document = tmp_path / "receipts.toml"
    document.write_text(bundled_policies()["plain.toml"].replace("letter_days = 7", ""))
    checked = urja_policy("check", str(document), "--config", str(config))
    assert checked.returncode == 0, checked.stderr
    assert "notices.served: no configured channel reports deliveries" in checked.stdout
    as_json = json.loads(urja_policy("check", "--json", str(document), "--config", str(config)).stdout)
    (obstacle,) = as_json["obstacles"][str(document)]
    assert (obstacle["effect"], obstacle["never"]) == ("disconnect", True)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--from", "2026-11-02", "--to", "2026-11-02"], "has no day"),
        (["--from", "2026-11-02", "--to", "2026-11-03"], "no Urja runs on"),
    ],
)
def test_replay_refuses_with_a_sentence(tmp_path, arguments, words):
    done = urja_policy("replay", f"{DOCUMENTS}/plain.toml", *arguments, "--data", str(tmp_path))
    assert done.returncode != 0
    assert words in done.stderr


def history(*days: int, recharges: dict[int, int] | None = None, cut_at=(), load_w=3000) -> History:
    """An account that each midnight is charged for the day before; recharges at seven in the evening."""
    balance, postings = 0, []
    moves = [(BEGIN + timedelta(days=n), -amount, False) for n, amount in enumerate(days, 1)]
    moves += [
        (BEGIN + timedelta(days=day, hours=19), amount, True) for day, amount in (recharges or {}).items()
    ]
    for at, amount, is_credit in sorted(moves):
        balance += amount
        service = None if is_credit else at.date() - timedelta(days=1)
        postings.append(Posting(at, amount, balance, is_credit, service, is_credit))
    return History(
        account_id=7,
        sanctioned_load_w=load_w,
        postings=tuple(postings),
        cuts=tuple(Happened(at, None) for at in cut_at),
    )


def stamps(cuts) -> list[tuple[str, str | None]]:
    def stamp(at):
        return f"{at.astimezone(IST):%a %d %H:%M}"

    return [(stamp(cut.at), stamp(cut.restored_at) if cut.restored_at else None) for cut in cuts]


def test_a_month_of_an_account_that_recharges_while_disconnected():
    """₹100 on Monday evening, ₹40 a day: below zero on Thursday's midnight, beyond the emergency credit on Friday's."""
    past = history(*[4_000] * 20, recharges={0: 10_000, 5: 30_000})
    result = replay(PLAIN, past, BEGIN, END, IST)
    assert stamps(result.cuts) == [("Fri 06 10:00", "Sat 07 19:00"), ("Mon 16 10:00", None)]
    assert result.cuts[0].balance_minor == -6_000
    assert result.last.standing == "cut"


def test_another_document_gives_another_month():
    past = history(*[4_000] * 20, recharges={0: 10_000, 5: 30_000})
    assert stamps(replay(UPPCL, past, BEGIN, END, IST).cuts) == [("Mon 16 08:00", None)]
    small = replace(past, category="LMV-1", sanctioned_load_w=900)
    result = replay(UPPCL, small, BEGIN, END, IST)
    assert result.cuts == ()
    assert result.last.reason.key == "small_consumer"


def test_what_settles_at_close_has_its_days_of_grace_and_a_subsidy_taken_back_its_day():
    """₹100, and a demand charge of ₹300 on Monday's midnight: counted from the following Monday on."""
    postings = list(history(1_000, 30_000, recharges={0: 10_000}).postings)
    postings[-1] = replace(postings[-1], at_close_minor=30_000)
    past = replace(history(), postings=tuple(postings))
    assert PLAIN.credit.at_close_days == 7
    (cut,) = replay(PLAIN, past, BEGIN, END, IST).cuts
    assert cut.at.astimezone(IST) >= postings[-1].at + timedelta(days=7)
    plain = replace(past, postings=(*postings[:-1], replace(postings[-1], at_close_minor=0)))
    assert replay(PLAIN, plain, BEGIN, END, IST).cuts[0].at < cut.at
    back = replace(
        plain, postings=(*postings[:-1], replace(postings[-1], at_close_minor=0, clawed_back_minor=30_000))
    )
    day_of_it = postings[-1].at.astimezone(IST).date()
    assert replay(PLAIN, back, BEGIN, END, IST).cuts[0].at.astimezone(IST).date() > day_of_it


def test_what_happened_is_held_against_the_document():
    night = BEGIN + timedelta(days=4, hours=22)
    result = replay(PLAIN, history(*[4_000] * 6, recharges={0: 10_000}, cut_at=[night]), BEGIN, END, IST)
    assert [(cut.at, cut.standing.value) for cut in result.actual] == [(night, "cut")]
    early = BEGIN + timedelta(days=1)
    result = replay(PLAIN, history(*[4_000] * 6, recharges={0: 10_000}, cut_at=[early]), BEGIN, END, IST)
    assert [cut.reason.rule for cut in result.actual] == ["warnings.days_left"]


def charge(account_id: int, amount: int, at: datetime, key: str) -> None:
    from urja.apps.books import posting as operations

    draft = operations.Draft(
        account_id=account_id,
        contra="revenue:energy",
        amount_minor=amount,
        origin="manual",
        line="energy",
        accounting_month=at.date().replace(day=1),
        idempotency_key=key,
    )
    operations.post_entries(7, [draft], at)


REASON = {"rule": "cut.from", "key": "restored", "params": {"balance_minor": -100, "currency": "INR"}}


def cut(adopted, at: datetime, cause: str) -> None:
    from urja.apps.commands.kinds import State
    from urja.apps.commands.models import Command
    from urja.apps.supply.models import Switching

    command_id = adopted.service_point_id + 1000
    Switching.objects.create(
        command_id=command_id,
        kind="disconnect",
        cause=cause,
        account_id=adopted.account_id,
        service_point_id=adopted.service_point_id,
        ordered_at=at,
        ordered_wall_ms=1,
        policy="plain 3",
        reason=REASON,
        balance_minor=0,
        limit_minor=0,
        ledger_seq=1,
    )
    Command.objects.create(
        id=command_id,
        device_id=adopted.device_id,
        service_point_id=adopted.service_point_id,
        kind="disconnect",
        sequence=1,
        state=State.CONFIRMED,
        reason="test",
        cause_correlation=1,
        issued_at=at - timedelta(minutes=1),
        issued_wall_ms=1,
        expires_at=at + timedelta(hours=1),
        ended_at=at,
        ended_wall_ms=2,
    )


def test_replay_from_the_database(database):
    one, two, three = adopt(1), adopt(2), adopt(3)
    start = datetime(2026, 3, 9, 20, tzinfo=UTC)
    charge(one.account_id, -20_000, start, "a")
    charge(two.account_id, 20_000, start, "b")
    charge(three.account_id, -20_000, start, "c")
    cut(two, start + timedelta(days=1), "credit")
    cut(three, start + timedelta(days=2), "hold")
    protect(3, start)
    now = datetime(2026, 3, 20, tzinfo=UTC)
    with database.connect() as connection:
        outcome = replay_all(connection, PLAIN, month_of(start.date()), IST, now)
        later = Period(now.date() + timedelta(days=1), now.date() + timedelta(days=2))
        with pytest.raises(CommandError, match="is in the future"):
            replay_all(connection, PLAIN, later, IST, now)
    told = outcome.as_json("hi")
    assert (told["accounts"], told["notices"]) == (3, 3)
    assert [(row["account_id"], row["at"]) for row in told["cuts"]] == [
        (one.account_id, "2026-03-10T10:00:00+05:30")
    ]
    assert [(row["account_id"], row["standing"]) for row in told["happened"]] == [(two.account_id, "fine")]
    assert told["standings"] == {"cut": 1, "fine": 1, "protected": 1}
    assert told["happened"][0]["written"] == "शेष राशि −₹1 है; बिजली चालू की जा रही है।"
    text = outcome.as_text("en")
    assert "then: The balance is −₹1" in text
    assert "under this document: fine (credit.cut_below): The balance is ₹200" in text
    assert (
        "it would have ordered 1 disconnection of 1 account and sent 3 notices; actual: 1 disconnection of 1 account"
        in text
    )


@pytest.fixture
def asked(database, monkeypatch, stepped_clock):
    """`urja policy …` as an administrator of a running installation asks it; exit code and words."""
    from urja.site import admin

    installation = SimpleNamespace(clock=stepped_clock, setup_django=lambda: None)
    monkeypatch.setattr(admin.Administration, "of", lambda _data: installation)

    def ask(*arguments):
        done = CliRunner().invoke(policy, arguments)
        if isinstance(done.exception, CommandError):
            return done.exception.code, str(done.exception)
        assert done.exception is None
        return done.exit_code, done.output

    return ask


def test_policies_are_loaded_and_assigned(asked, tmp_path):
    from urja.apps.rulebook.models import PolicyVersion
    from urja.apps.rulebook.queries.policies import policy_book

    def governing(category, day, own=""):
        return policy_book().governs(own, category, day)

    day = date(2026, 3, 2)
    code, words = asked("load", f"{DOCUMENTS}/plain.toml")
    assert (code, words.splitlines()[-1]) == (0, "everybody: plain")
    code, words = asked("load", f"{DOCUMENTS}/plain.toml", f"{DOCUMENTS}/uppcl-modelled.toml")
    assert (code, words.splitlines()[1:]) == (
        0,
        ["uppcl-modelled 2025-09.3 is in force from 2025-09-01", "everybody: plain"],
    )
    assert PolicyVersion.objects.count() == 2
    code, words = asked("assign", "LMV-1", "uppcl-modelled")
    assert (code, words) == (0, "category LMV-1: uppcl-modelled\nall others: plain\n")
    assert governing("LMV-1", day).code == "uppcl-modelled"
    assert governing("LMV-2", day).code == "plain"
    assert governing("LMV-1", day, "plain").code == "plain"
    assert governing("LMV-2", day, "uppcl-modelled").code == "uppcl-modelled"
    adopt(policy="uppcl-modelled")
    assert asked("assign", "LMV-1", "plain")[1] == (
        "1 agreements of their own: uppcl-modelled\ncategory LMV-1: plain\nall others: plain\n"
    )

    refused = asked("assign", "LMV-2", "unknown")
    assert (refused[0], "no version of policy 'unknown' is stored" in refused[1]) == (2, True)
    other = tmp_path / "other.toml"
    other.write_text(bundled_policies()["plain.toml"].replace("at_most = 3", "at_most = 4"))
    refused = asked("load", f"{DOCUMENTS}/uppcl-modelled.toml", str(other))
    assert (refused[0], "another text; nothing was loaded" in refused[1]) == (2, True)
    assert governing("LMV-2", day).payments.at_most == 3


def test_what_is_no_policy_is_not_loaded(asked, tmp_path):
    bad = tmp_path / "bad.toml"
    bad.write_text(bundled_policies()["plain.toml"].replace("at_most = 3", "at_most = 0\nat_least = 0"))
    code, words = asked("load", f"{DOCUMENTS}/plain.toml", str(bad))
    assert code == 2
    assert "payments.at_most" in words
    assert "payments.at_least" in words
    from urja.apps.rulebook.queries.policies import policy_book

    assert not policy_book()
