"""`urja doctor`: what is missing before going live, from real settings, a real relay and a real database."""

import json
import socket
import ssl
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest
from click.testing import CliRunner
from tests.apps.approvals.office import Person as Staff, enrol
from tests.apps.payments.cast import KEYS, open_shop
from tests.apps.town import START, adopt
from tests.providers.relay import LOGIN, issued_in, open_relay

from urja.apps.payments.config import GatewayConfig
from urja.base.clock import Anchor, write_anchor
from urja.base.ports import free_port
from urja.core.policy import ChannelReach, bundled_policies
from urja.site import first_administrator, public_address, readiness
from urja.site.admin import Administration
from urja.site.cli.doctor import doctor
from urja.site.data_directory import DataDirectory

FAULT_OF_GATEWAY = readiness.gateway_fault
MAIL, SMS = ChannelReach("email", False), ChannelReach("sms", True)
GOOD = """\
[utility]
name = "Neem"
timezone = "Asia/Kolkata"
currency = "INR"
[web]
public_url = "https://neem.example"
hosts = ["neem.example"]
secure = true
[mail]
host = "127.0.0.1"
port = {port}
sender = "urja@neem.example"
[messages.channels.email]
provider = "smtp"
[payments.gateways.razorpay]
provider = "razorpay"
[payments.gateways.razorpay.options]
key_id = "rzp_live_1"
"""


@pytest.fixture
def relay():
    with open_relay() as relay:
        yield relay


class Portal(BaseHTTPRequestHandler):
    """What a proxy answers at the public address."""

    answer = (200, b'{"short_name": "Urja"}')

    def do_GET(self) -> None:
        status, body = self.answer
        self.send_response(status)
        if status == 301:
            self.send_header("Location", "https://localhost/")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def portal(certificate):
    """The public address, on this machine."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with ThreadingHTTPServer(("127.0.0.1", 0), Portal) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        serving.start()
        yield f"https://localhost:{server.server_port}"
        server.shutdown()
        serving.join()


@pytest.fixture
def trusted(tmp_path, monkeypatch):
    """Issues certificates by an authority that this machine trusts."""

    def issue(host="localhost", **more):
        certificate, authority = issued_in(tmp_path, host, **more)
        monkeypatch.setenv("SSL_CERT_FILE", str(authority))
        return certificate

    return issue


def at(url, text):
    """The settings with another public address."""
    return text.replace("https://neem.example", url).replace('["neem.example"]', '["localhost"]')


@pytest.fixture
def examine(tmp_path, monkeypatch):
    """The findings of `urja doctor --json` by topic, without a running Urja."""
    monkeypatch.setattr(readiness, "clock_synchronised", lambda: True)
    # Live keys would ask Razorpay itself.
    monkeypatch.setattr(readiness, "gateway_fault", lambda *_: None)
    monkeypatch.chdir(tmp_path)

    def run(text=None):
        arguments = ["--json", "--data", str(tmp_path / "data")]
        if text is not None:
            (tmp_path / "urja.toml").write_text(text)
        done = CliRunner().invoke(doctor, arguments)
        assert done.exit_code == 1, done.output
        report = json.loads(done.stdout)
        assert not report["ready"]
        return {(one["topic"], one["state"]): one for one in report["findings"]}

    return run


def test_an_empty_folder(examine):
    found = examine()
    assert [topic for topic, state in found if state in ("missing", "unchecked")] == [
        "utility", "public address", "mail", "notices", "backup", "administrator, tariffs, policies",
    ]  # fmt: skip
    assert all(one["command"] for (_, state), one in found.items() if state != "ready")
    assert "mail provider" in found["mail", "missing"]["pending_with"]
    assert "KYC" in found["payments", "advice"]["pending_with"]


def test_a_data_directory_that_the_commands_would_not_find_is_named(tmp_path, monkeypatch):
    """Without it `urja staff add` says that no Urja runs, and to start another one."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("URJA_DATA", raising=False)
    other = tmp_path / "my data"
    said = f"export URJA_DATA='{other}'"
    assert said in CliRunner().invoke(doctor, ["--data", str(other)]).stdout
    assert said not in CliRunner().invoke(doctor, env={"URJA_DATA": str(other)}).stdout
    assert "URJA_DATA" not in CliRunner().invoke(doctor).stdout


def test_what_is_configured_is_ready(examine, relay, trusted):
    with portal(trusted(days=60)) as url:
        found = examine(at(url, GOOD.format(port=relay.port)))
    assert f"{url} answers with a certificate, valid until 20" in found["public address", "ready"]["sentence"]
    assert [topic for topic, state in found if state in ("missing", "unchecked")] == [
        "backup", "administrator, tariffs, policies",
    ]  # fmt: skip
    assert "DLT" in found["notices", "advice"]["pending_with"]
    assert "urja mail test" in found["mail", "ready"]["sentence"]
    assert "no mail counts as delivered" in found["notices", "ready"]["sentence"]


@pytest.mark.parametrize(
    ("answer", "issued", "state", "words"),
    [
        ((200, b'"Urja"'), {"days": 5}, "advice", "4 days are left"),
        ((200, b'"Urja"'), {"days": -1}, "missing", "its certificate is not valid now"),
        ((200, b'"Urja"'), {"host": "portal.example"}, "missing", "its certificate is of another name"),
        ((200, b"Welcome to nginx"), {}, "missing", "another server answers there"),
        ((301, b""), {}, "missing", "it redirects to https://localhost/"),
        ((502, b""), {}, "missing", "it does not reach Urja"),
        ((400, b""), {}, "missing", "the name of the host is not accepted"),
    ],
)
def test_the_public_address_is_asked(examine, relay, trusted, monkeypatch, answer, issued, state, words):
    monkeypatch.setattr(Portal, "answer", answer)
    with portal(trusted(**issued)) as url:
        found = examine(at(url, GOOD.format(port=relay.port)))["public address", state]
    assert words in found["sentence"]
    assert found["command"]


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("https://portal.invalid", "the host name is unknown"),
        ("https://localhost:{port}", "no server listens there"),
    ],
)
def test_a_public_address_that_does_not_answer(examine, url, words):
    host = url.removeprefix("https://").partition(":")[0]
    text = at(url.format(port=free_port()), GOOD.format(port=1)).replace('["localhost"]', f'["{host}"]')
    assert words in examine(text)["public address", "missing"]["sentence"]


@pytest.fixture
def asked_gateway(tmp_path):
    """What `urja doctor` finds of a gateway at an address, with a key's secret."""
    from urja.apps.payments.providers.razorpay.settings import Options

    def ask(url, secret=KEYS[1]):
        options = Options(base_url=url, key_id=KEYS[0])
        gateway = GatewayConfig("razorpay", "razorpay", options, secrets={"key_secret": secret})
        return FAULT_OF_GATEWAY(gateway, DataDirectory(tmp_path))

    return ask


def test_a_gateway_is_asked_and_its_payments_are_left_alone(asked_gateway, tmp_path):
    with open_shop(tmp_path / "shop") as shop:
        assert asked_gateway(shop.url) is None
        refused = asked_gateway(shop.url, "made-up")
    assert "gateway razorpay refuses the key: " in refused.sentence
    assert "gateways.razorpay in " in refused.command
    away = asked_gateway(shop.url)
    assert "gateway razorpay does not answer: ConnectError" in away.sentence


def test_without_a_gateway_consumers_pay_at_the_counter_or_to_a_bank_account(registry):
    from urja.apps.bank.accounts import open_account

    def of_payments():
        return next(one[1:] for one in registry(MAIL, has_gateway=False) if one[0] == "counter and bank")

    cashier = Staff("omi", "cashier", enrolled=False)
    state, sentence = of_payments()
    assert state == "missing"
    assert "consumers cannot pay" in sentence
    enrol(cashier, cashier.passkey)
    assert of_payments() == ("ready", "the counter (omi@urja.example)")
    open_account(
        name="Neem", holder="Neem Society", number="001234567890", ifsc="HDFC0001234", vpa="", currency="INR",
        now=START, actor="test",
    )  # fmt: skip
    assert of_payments() == ("ready", "the counter (omi@urja.example) and the bank account Neem")


def test_a_public_address_without_an_answer_takes_a_bounded_time(examine, monkeypatch):
    monkeypatch.setattr(public_address, "TIMEOUT_S", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"https://localhost:{silent.getsockname()[1]}"
        found = examine(at(url, GOOD.format(port=1)))["public address", "missing"]
    assert "no answer within" in found["sentence"]


def test_the_certificate_of_tls_without_a_proxy(examine, trusted):
    certificate = trusted("neem.example", days=5)
    text = GOOD.format(port=1).replace(
        "secure = true", f'secure = true\ntls_certificate = "{certificate}"\ntls_key = "{certificate}"'
    )
    assert "4 days are left" in examine(text)["certificate", "advice"]["sentence"]
    other = text.replace("neem.example", "portal.example")
    assert "is for neem.example, not portal.example" in examine(other)["certificate", "missing"]["sentence"]
    certificate.write_text("")
    assert "no certificate with its key" in examine(text)["certificate", "missing"]["sentence"]


def test_a_relay_that_does_not_answer(examine):
    with open_relay() as relay:
        port = relay.port
    mail = examine(GOOD.format(port=port))["mail", "missing"]
    assert mail["sentence"] == f"127.0.0.1:{port} refuses the connection: no relay listens at this port"
    assert "[mail] host and port" in mail["command"]


def test_a_relay_without_the_encryption_that_is_set(examine, relay):
    text = GOOD.format(port=relay.port).replace('sender = "', 'security = "starttls"\nsender = "')
    assert "STARTTLS" in examine(text)["mail", "missing"]["sentence"]


def test_a_login_without_a_password(examine, relay):
    text = GOOD.format(port=relay.port).replace('sender = "', 'username = "neem"\nsender = "')
    assert "no password for the login neem" in examine(text)["mail", "missing"]["sentence"]


def test_a_relay_that_takes_mail_with_a_login_only(examine, tmp_path, monkeypatch):
    certificate, authority = issued_in(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    (tmp_path / "data" / "secrets").mkdir(parents=True)
    (tmp_path / "data" / "secrets" / "services.json").write_text(json.dumps({"mail_password": LOGIN[1]}))
    login = f'security = "starttls"\nusername = "{LOGIN[0]}"\nsender = "'
    with open_relay(certificate) as relay:
        text = GOOD.format(port=relay.port).replace('sender = "', login).replace("127.0.0.1", "localhost")
        relay.login_for_mail = True
        assert "answers; mails come from" in examine(text)["mail", "ready"]["sentence"]
    assert relay.arrived == []


@pytest.mark.parametrize(
    ("old", "new", "topic", "words"),
    [
        ("https://neem", "http://neem", "public address", "does not begin with https://"),
        ('["neem.example"]', '["other.example"]', "public address", "does not name neem.example"),
        ("secure = true", "secure = false", "public address", "secure is not true"),
        ("rzp_live_1", "rzp_test_1", "payments", "rzp_test_1 is a test key, no money moves"),
        (
            "https://neem",
            "http://neem",
            "payments",
            "has live keys, and consumers reach the portal at http://neem",
        ),
        ('key_id = "', 'base_url = "http://127.0.0.1:9"\nkey_id = "', "payments", "is not Razorpay"),
        ("[utility]", "[clock]\nspeed = 60\n[utility]", "clock", "60 times real time"),
        ("[utility]", "[disk]\ncritical_mb = 10000000\n[utility]", "disk", "MB free, less than 10000000 MB"),
        ('provider = "smtp"', 'provider = "sandbox"', "notices", "is the stand-in"),
    ],
)
def test_what_stands_in_the_way(examine, relay, old, new, topic, words):
    assert words in examine(GOOD.format(port=relay.port).replace(old, new))[topic, "missing"]["sentence"]


def test_the_clock(examine, tmp_path, monkeypatch):
    monkeypatch.setattr(readiness, "clock_synchronised", lambda: False)
    assert "not synchronised" in examine()["clock", "missing"]["sentence"]
    monkeypatch.setattr(readiness, "clock_synchronised", lambda: None)
    assert ("clock", "advice") in examine()
    (tmp_path / "data").mkdir()
    write_anchor(tmp_path / "data" / "clock.json", Anchor(0.0, 0.0, 24.0))
    assert "24 times real time" in examine()["clock", "missing"]["sentence"]


def test_open_files(examine, monkeypatch):
    monkeypatch.setattr(readiness.resource, "getrlimit", lambda _: (1024, 4096))
    assert "at most 3596 meters" in examine()["descriptors", "advice"]["sentence"]


@pytest.fixture
def registry(database):
    """The findings that rest on the database."""
    from urja.site import registry_readiness

    def run(*channels, has_gateway=True):
        return [
            (one.topic, one.state.value, one.sentence)
            for one in registry_readiness.findings(
                START, ZoneInfo("Asia/Kolkata"), "INR", channels, has_gateway=has_gateway
            )
        ]

    return run


def test_an_empty_database(registry):
    assert [(topic, state) for topic, state, _ in registry(MAIL)] == [
        ("administrator", "missing"), ("counter and bank", "advice"), ("tariff", "missing"), ("policy", "missing"), ("opening balances", "ready"),
    ]  # fmt: skip


def test_a_database_that_is_set_up(registry):
    from urja.apps.rulebook.queries.tariffs import bundled_tariffs
    from urja.usecases.operations import Employ, perform
    from urja.usecases.policies import load_policy
    from urja.usecases.tariffs import load_tariffs

    employ = Employ(email="meera@neem.example", name="Meera", role="administrator", area="")
    perform(employ, recorded_at=START, actor="test")
    load_tariffs([bundled_tariffs()["demo-domestic.toml"]], START)
    load_policy(bundled_policies()["plain.toml"], recorded_at=START, actor="test")
    assert [one for one in registry(SMS) if one[1] != "ready"] == [
        ("counter and bank", "advice", "no cashier with a passkey and no bank account")
    ]
    # By e-mail alone only letters serve the notices: possible, and worth knowing.
    assert [state for topic, state, _ in registry(MAIL) if topic == "policy"] == ["advice"]
    assert ("policy", "missing") in [(topic, state) for topic, state, _ in registry()]
    stricter = bundled_policies()["plain.toml"].replace("letter_days = 7", "").replace('"3"', '"4"')
    load_policy(stricter, recorded_at=START, actor="test")
    (policy,) = [one for one in registry(MAIL) if one[0] == "policy"]
    assert policy[1] == "missing"
    assert "no supply is ever disconnected" in policy[2]


def test_an_agreement_whose_tariff_is_not_loaded(registry):
    adopt(1)
    assert any(sentence.startswith("agreements name ") for _, _, sentence in registry(MAIL))


@pytest.fixture
def running(database, monkeypatch, tmp_path):
    settings = SimpleNamespace(timezone="Asia/Kolkata", currency="INR")
    installation = SimpleNamespace(
        setup_django=lambda: None,
        clock=SimpleNamespace(now=lambda: START),
        settings=settings,
        data=DataDirectory(tmp_path),
    )
    monkeypatch.setattr(Administration, "of", lambda _data: installation)
    return database


def test_of_a_running_installation(running, examine):
    assert ("administrator", "missing") in examine()


@pytest.mark.parametrize("not_made_yet", ["identity_employment", "rulebook_policy_version"])
def test_while_the_first_start_makes_the_tables(running, examine, not_made_yet):
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE {not_made_yet} CASCADE")
    found = examine()
    assert ("administrator, tariffs, policies", "unchecked") in found
    assert not {"administrator", "tariff", "policy"} & {topic for topic, _ in found}


def test_before_the_first_start_has_employed_the_administrator(running, examine, tmp_path):
    person = first_administrator.FirstAdministrator(name="Meera", email="meera@neem.example")
    first_administrator.store(DataDirectory(tmp_path).first_administrator, person)
    found = examine()
    assert ("administrator, tariffs, policies", "unchecked") in found
    assert "administrator" not in {topic for topic, _ in found}
