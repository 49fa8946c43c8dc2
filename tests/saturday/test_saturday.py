"""The Saturday of docs/install.md: from an empty directory to a society that lives on Urja.

Everything is real: the commands, the processes of `urja up`, a mail relay that demands a login, meters behind a line. Only
the business clock is moved on, and the meters follow it. The database is migrated already: first starts are in
tests/site/test_up.py.
"""

import json
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from tests.apps.bank.cast import csv_of
from tests.authenticator import Authenticator
from tests.providers.relay import LOGIN, Relay, issued_in, open_relay
from tests.saturday.album import picture
from tests.saturday.society import (
    METERED,
    POLICY,
    TARIFF,
    Society,
    command_of,
    number_of,
    serial_of,
    until,
    write_members,
    write_rows,
)
from tests.saturday.web import Browser, Program, words_of
from tests.site.test_up import ANY_PORT

INSTALL = Path(__file__).parents[2] / "docs" / "install.md"
NAME = "Neem Residents"
MANAGER = "meera@neem.example"
MONDAY, TUESDAY, WEDNESDAY = "2026-03-09", "2026-03-10", "2026-03-11"
pytestmark = [
    pytest.mark.timeout(900),
    pytest.mark.filterwarnings("ignore:Session.login_data is deprecated"),
]


def at(day: str, hour: str) -> datetime:
    return datetime.fromisoformat(f"{day}T{hour}:00+05:30")


SATURDAY = at("2026-03-07", "09:30")
METERS = (
    *(
        "meter",
        "serve",
        "--json",
        "--port",
        "0",
        "--serial",
        serial_of(1),
        "--start-wh",
        "5000",
        "--days",
        "0",
    ),
    *("--hdlc", "--meters", str(METERED)),
)
"""Ten meters on one line."""


@pytest.fixture
def relay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Relay]:
    """A mail provider: it demands encryption and a login."""
    certificate, authority = issued_in(tmp_path, "localhost")
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    with open_relay(certificate) as provider:
        provider.login_for_mail = True
        yield provider


def test_a_society_goes_live(installation_dir: Path, relay: Relay, prepared: Callable[[Path], Path]) -> None:
    society = Society(installation_dir / "neem", {**ANY_PORT, "URJA_CLOCK_START": SATURDAY.isoformat()})
    society.folder.mkdir()
    (prepared(society.data) / "secrets" / "services.json").unlink()
    configure(society, relay)
    with society.running("up"):
        load_rules(society, relay)
        load_flats(society)
        with (
            society.running(*METERS, "--clock", society.clock_file) as announced,
            closing(Program(society, MANAGER)) as program,
            closing(Browser(society.web_url, relay)) as manager,
        ):
            sign_off(society, program)
            install_meters(society, program, json.loads(announced))
            charge_the_first_day(society, program)
            society.at_real_speed()
            see_it_at_home(society, relay, 1, "Fixed charge", "1-first-charge")
            phone = enrol_manager(society, manager)
            take_cash(program, manager, phone, 1)
            credit_a_transfer(society, program, manager, phone, relay)
            disconnect_after_a_letter(society, program, manager)
            reconnect_by_cash(society, program, manager, phone)
            see_it_at_home(society, relay, 2, "500.00", "7-reconnected")
            society.urja("verify")
            # The clock of the test and an address without TLS are missing, and are said.
            assert "clock" in society.urja("doctor", code=1)
            back_up(society)
    restore_and_prove(society)
    # The page that a manager follows names no command that was not run here.
    lines = re.findall(r"^\$ uv run urja (.*)$", INSTALL.read_text(), re.MULTILINE)
    assert len(lines) > 20
    assert {command_of(line.split()) for line in lines} <= set(society.ran)


def configure(society: Society, relay: Relay) -> None:
    (society.folder / "password").write_text(LOGIN[1])
    society.urja(
        *("init", "--yes", "--name", NAME, "--admin-name", "Meera Rao"),
        *("--admin-email", MANAGER, "--mail-host", "localhost", "--mail-port", relay.port),
        *("--mail-username", LOGIN[0], "--mail-password-file", "password"),
        *("--mail-sender", "urja@neem.example", "--recovery-key", society.folder / "recovery-key"),
    )


def load_rules(society: Society, relay: Relay) -> None:
    """The manager, a test mail, the tariff and the policy."""
    for role in ("clerk", "revenue_officer"):
        society.urja("staff", "add", MANAGER, "--name", "Meera Rao", "--role", role)
    society.urja("mail", "test", MANAGER)
    assert relay.to == [MANAGER]
    for kind, document in (("tariff", TARIFF), ("policy", POLICY)):
        society.urja(kind, "template", f"{kind}.toml")
        (society.folder / f"{kind}.toml").write_text(document)
        society.urja(kind, "check", f"{kind}.toml")
        society.urja(kind, "load", f"{kind}.toml")


def load_flats(society: Society) -> None:
    """The society with its towers, then its own list of 200 flats: columns guessed, faults none, loaded twice."""
    society.urja("society", NAME, *("--tower", "A=101-1010"), *("--tower", "B=101-1010"), "--yes")
    society.urja("sheet", "template", "members.xlsx")
    write_members(society.folder / "members.xlsx")
    given = ("--tariff", "neem", "--since", "2026-03-07")
    checked = society.urja("sheet", "check", "members.xlsx", "--society", NAME, *given)
    assert "200 rows: 0 new, 200 would be changed, 0 unchanged, 0 with faults" in checked
    society.urja("sheet", "load", "members.xlsx")
    assert "0 changed, 200 unchanged, 0 with faults" in society.urja("sheet", "load", "members.xlsx")


def sign_off(society: Society, program: Program) -> None:
    """The opening balances, signed off in one act before the first charge."""
    listed = society.urja("registry", "opening-balances")
    assert "1 supplies to sign off" in listed, listed
    sha256 = re.search(r"SHA-256 of the list: ([0-9a-f]{64})", listed)
    assert sha256 is not None
    program.operate(
        *("sign_off_opening_balances", "sign-off"),
        content_sha256=sha256[1],
        supplies=1,
        credit_minor=50_000,
        deposit_minor=0,
        dues_minor=0,
    )


def install_meters(society: Society, program: Program, line: dict) -> None:
    """Ten meters: received with their keys, installed, commissioned."""
    meters = line["meters"]
    write_rows(
        society.folder / "delivery.csv",
        [
            {
                "serial": meter["serial"],
                "system_title": meter["system_title"],
                "type": meter["device_type"],
                "guek": meter["guek"],
                "gak": meter["gak"],
                "address": f"tcp://{line['host']}:{line['port']}?address={meter['physical_address']}",
            }
            for meter in meters
        ],
    )
    serials = [meter["serial"] for meter in meters]
    society.urja("import", "--example", "devices")
    society.urja("stock", "receive", "delivery.csv", "--delivery", "D-1", "--store", "Office")
    society.urja("stock", "test", *serials, "--passed", "--note", "T-1")
    society.urja("stock", "issue", *serials, "--fitter", "Ravi")
    for flat, serial in enumerate(serials, 1):
        program.operate(
            *("install_meter", f"install-{serial}"),
            consumer_number=number_of(flat),
            serial=serial,
            installed_at=SATURDAY.isoformat(),
            register_wh=5_000,
        )
    assert "10 meters will be called" in society.urja("meter", "commission", "--all")
    for serial in serials:
        until(lambda serial=serial: program.device(serial)["installation"]["commissioned_at"])


def charged(program: Program, account: int, day: str) -> bool:
    """Whether the energy of a day is charged."""
    lines = {(entry["line"], entry["service_date"]) for entry in program.entries(account)}
    return ("energy", day) in lines


def through_midnight(society: Society, program: Program, number: str, day: str) -> None:
    """Run the clock past the midnight that ends a day, to 02:00, when the day is closed.

    At midnight the day's last block is read first.
    """
    society.run_to(at(day, "23:59"))
    begins_at, ends_at = at(day, "00:00"), at(day, "00:00") + timedelta(days=1)
    agreement = program.agreement(number)["id"]

    def last_block() -> datetime | None:
        starts = [row["start_at"] for row in program.readings(agreement, begins_at, ends_at)]
        return datetime.fromisoformat(starts[-1]) if starts else None

    until(lambda: last_block() == at(day, "23:30"))
    society.run_to(ends_at + timedelta(hours=2))


def charge_the_first_day(society: Society, program: Program) -> None:
    """The meters are read and the day is charged; flats without a meter are not."""
    account = program.account(number_of(1))
    through_midnight(society, program, number_of(1), "2026-03-07")
    until(lambda: charged(program, account, "2026-03-07"))
    charges = {entry["line"]: entry["amount_minor"] for entry in program.entries(account)}
    assert charges["fixed"] == -3000
    assert charges["energy"] < 0
    assert program.entries(program.account(number_of(METERED + 1))) == []


def see_it_at_home(society: Society, relay: Relay, flat: int, expected: str, name: str) -> None:
    """A resident signs in by a mailed code and sees the balance and what moved it."""
    with closing(Browser(society.web_url, relay)) as resident:
        resident.sign_in(f"flat{flat}@neem.example")
        page = words_of(resident.get("/"))
        picture(resident, "/", name)
    assert expected in page, page
    assert "₹" in page


def enrol_manager(society: Society, manager: Browser) -> Authenticator:
    """The manager signs in with a second factor and enrols a passkey."""
    code = society.urja("passkey", "invite", MANAGER).splitlines()[0]
    manager.sign_in(MANAGER)
    manager.set_up_second_factor()
    phone = manager.enrol(code)
    picture(manager, "/console/passkeys/", "2-passkey")
    return phone


def take_cash(program: Program, manager: Browser, phone: Authenticator, flat: int) -> None:
    """The manager opens a drawer with the passkey, takes 500 rupees in cash from a resident and closes it."""
    opening = program.operate("open_drawer", f"open-{flat}", ceiling_minor=2_000_000)
    assert opening["state"] == "approval"
    manager.approve(opening["id"], phone)
    drawer = program.done(opening["id"])["outcome"]["drawer_id"]
    program.operate("take_receipt", f"take-{flat}", consumer_number=number_of(flat), received_minor=50_000)
    picture(manager, "/console/counter/", f"3-counter-{flat}")
    program.operate(
        "close_drawer", f"close-{flat}", drawer_id=drawer, counts=[{"value_minor": 50_000, "pieces": 1}]
    )
    account = program.account(number_of(flat))
    until(lambda: 50_000 in program.amounts(account))


def credit_a_transfer(
    society: Society, program: Program, manager: Browser, phone: Authenticator, relay: Relay
) -> None:
    """A resident pays by UPI to the society's account, and the bank's statement shows it."""
    society.urja(
        *("bank", "account", "add", "neem", "--holder", NAME, "--number", "50100012345678"),
        *("--ifsc", "HDFC0001234", "--vpa", "neem@okbank"),
    )
    account, utr = program.account(number_of(3)), "412345678901"
    with closing(Browser(society.web_url, relay)) as resident:
        resident.sign_in("flat3@neem.example")
        page = resident.post(f"/accounts/{account}/transfer/", utr=utr, amount="1,000", paid_on="2026-03-08")
        assert "It is credited when the bank" in page
        picture(resident, f"/accounts/{account}/transfer/", "4-transfer")
    statement = csv_of((date(2026, 3, 8), 1_000_00, f"UPI/CR/{utr}/RESIDENT 3/"))
    manager.load_statement("march.csv", statement, phone)
    until(lambda: 100_000 in program.amounts(account))
    picture(manager, "/console/bank/", "5-statement")


def disconnect_after_a_letter(society: Society, program: Program, manager: Browser) -> None:
    """A flat without credit is disconnected in working hours, after its notices were served on paper."""
    number = number_of(2)
    account = program.account(number)
    through_midnight(society, program, number, "2026-03-08")
    until(lambda: charged(program, account, "2026-03-08"))
    society.run_to(at(MONDAY, "08:30"))
    picture(manager, f"/console/letters/{number}/", "6-letter")
    program.operate(
        *("record_letter", "letter-1"),
        consumer_number=number,
        posted_at=at(MONDAY, "08:29").isoformat(),
        reference="L-1",
    )
    through_midnight(society, program, number, MONDAY)
    until(lambda: charged(program, account, MONDAY))
    assert program.balance(account)["supply"] != "off"
    society.run_to(at(TUESDAY, "10:30"))
    until(lambda: program.balance(account)["supply"] == "off")


def reconnect_by_cash(society: Society, program: Program, manager: Browser, phone: Authenticator) -> None:
    """The flat pays at the counter and has power again."""
    society.at_real_speed()
    account = program.account(number_of(2))
    take_cash(program, manager, phone, 2)
    until(lambda: program.balance(account)["supply"] == "on", 30)


def back_up(society: Society) -> None:
    """A backup while everything runs; then the disk is gone."""
    society.urja("backup", "to", society.folder / "saturday.backup")


def restore_and_prove(society: Society) -> None:
    """The disk is lost; the copy of the key restores it, and every law holds."""
    backup, key = society.folder / "saturday.backup", society.folder / "recovery-key"
    shutil.rmtree(society.data)
    society.urja("restore", backup, "--key", key, "--data", society.data)
    with society.running("up"):
        assert "BROKEN" not in society.urja("verify")
