"""`urja doctor`: what is missing before going live, from real settings, a real relay and a real database."""

import json
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest
from click.testing import CliRunner
from tests.apps.street import START, adopt
from tests.providers.relay import LOGIN, issued_in, open_relay

from urja.base.clock import Anchor, write_anchor
from urja.core.policy import ChannelReach, bundled_policies
from urja.site import readiness
from urja.site.admin import Administration
from urja.site.cli.doctor import doctor

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


@pytest.fixture
def examine(tmp_path, monkeypatch):
    """The findings of `urja doctor --json` by topic, without a running Urja."""
    monkeypatch.setattr(readiness, "clock_synchronised", lambda: True)
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
        "utility", "public address", "mail", "notices", "payments", "backup", "administrator, tariffs, policies",
    ]  # fmt: skip
    assert all(one["command"] for (_, state), one in found.items() if state != "ready")
    assert "mail provider" in found["mail", "missing"]["pending_with"]
    assert "KYC" in found["payments", "missing"]["pending_with"]


def test_what_is_configured_is_ready(examine, relay):
    found = examine(GOOD.format(port=relay.port))
    assert [topic for topic, state in found if state in ("missing", "unchecked")] == [
        "backup", "administrator, tariffs, policies",
    ]  # fmt: skip
    assert "DLT" in found["notices", "advice"]["pending_with"]
    assert "urja mail test" in found["mail", "ready"]["sentence"]
    assert "no mail counts as delivered" in found["notices", "ready"]["sentence"]


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


def test_a_relay_that_takes_no_sign_in_codes(examine, tmp_path, monkeypatch):
    certificate, authority = issued_in(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    (tmp_path / "data" / "secrets").mkdir(parents=True)
    (tmp_path / "data" / "secrets" / "services.json").write_text(json.dumps({"mail_password": LOGIN[1]}))
    login = f'security = "starttls"\nusername = "{LOGIN[0]}"\nsender = "'
    with open_relay(certificate) as relay:
        text = GOOD.format(port=relay.port).replace('sender = "', login).replace("127.0.0.1", "localhost")
        assert "answers; mails come from" in examine(text)["mail", "ready"]["sentence"]
        relay.login_for_mail = True
        mail = examine(text)["mail", "missing"]
    assert "sign-in codes leave without a login" in mail["sentence"]
    assert "530" in mail["sentence"]
    assert "a relay on this machine" in mail["command"]
    assert relay.arrived == []


@pytest.mark.parametrize(
    ("old", "new", "topic", "words"),
    [
        ("https://neem", "http://neem", "public address", "does not begin with https://"),
        ('["neem.example"]', '["other.example"]', "public address", "does not name neem.example"),
        ("secure = true", "secure = false", "public address", "secure is not true"),
        ("rzp_live_1", "rzp_test_1", "payments", "rzp_test_1 is a test key, no money moves"),
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

    def run(*channels):
        return [
            (one.topic, one.state.value, one.sentence)
            for one in registry_readiness.findings(START, ZoneInfo("Asia/Kolkata"), "INR", channels)
        ]

    return run


def test_an_empty_database(registry):
    assert [(topic, state) for topic, state, _ in registry(MAIL)] == [
        ("administrator", "missing"), ("tariff", "missing"), ("policy", "missing"),
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
    assert {state for _, state, _ in registry(SMS)} == {"ready"}
    # By e-mail alone only letters serve the notices: possible, and worth knowing.
    assert [state for topic, state, _ in registry(MAIL) if topic == "policy"] == ["advice"]
    assert ("policy", "missing") in [(topic, state) for topic, state, _ in registry()]
    stricter = bundled_policies()["plain.toml"].replace("letter_days = 7", "").replace('"2"', '"3"')
    load_policy(stricter, recorded_at=START, actor="test")
    (policy,) = [one for one in registry(MAIL) if one[0] == "policy"]
    assert policy[1] == "missing"
    assert "no supply is ever disconnected" in policy[2]


def test_an_agreement_whose_tariff_is_not_loaded(registry):
    adopt(1)
    assert any(sentence.startswith("agreements name ") for _, _, sentence in registry(MAIL))


def test_of_a_running_installation(database, examine, monkeypatch):
    settings = SimpleNamespace(timezone="Asia/Kolkata", currency="INR")
    box = SimpleNamespace(
        setup_django=lambda: None, clock=SimpleNamespace(now=lambda: START), settings=settings
    )
    monkeypatch.setattr(Administration, "of", lambda _data: box)
    assert ("administrator", "missing") in examine()
