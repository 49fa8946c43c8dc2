"""`urja meter adopt`: bad input gets a sentence and changes nothing; keys are wrapped before they are stored."""

import json
from dataclasses import dataclass

import pytest
from click.testing import CliRunner

from urja.base.process_secrets import AdminSecrets
from urja.base.settings import Settings
from urja.cosem.security import KekStore
from urja.site.cli import adopt as adopt_cli
from urja.site.command_errors import CommandError, Exit

KEK = bytes(range(16))
GOOD = {
    "serial": "URJ00000001",
    "system_title": "55524a0000000001",
    "guek": "000102030405060708090a0b0c0d0e0f",
    "gak": "d0d1d2d3d4d5d6d7d8d9dadbdcdddedf",
    "type": "urja-d1",
    "register_wh": 10_000,
    "tariff": "demo-domestic",
    "name": "Meera",
    "email": "meera@example.org",
}


@dataclass
class StandInAdministration:
    clock: object
    settings = Settings()
    secrets = AdminSecrets(
        broker_url="", broker_user="", broker_password="", database_admin="", database_owner="", kek=KEK
    )

    keys = KekStore(KEK)

    def setup_django(self):
        pass


@pytest.fixture
def run(database, stepped_clock, monkeypatch):
    from urja.apps.rulebook import operations
    from urja.apps.rulebook.queries import tariffs

    for text in tariffs.bundled_tariffs().values():
        operations.load_tariff(text, loaded_at=stepped_clock.now())
    monkeypatch.setattr(adopt_cli.Administration, "of", lambda data: StandInAdministration(stepped_clock))

    def invoke(*arguments, stdin=None):
        result = CliRunner().invoke(adopt_cli.adopt, arguments, input=stdin)
        if isinstance(result.exception, CommandError):
            raise result.exception
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result.stdout

    return invoke


def options(**changes):
    return [
        part
        for name, value in (GOOD | changes).items()
        for part in (f"--{name.replace('_', '-')}", str(value))
    ]


def test_one_meter_by_options(run):
    from urja.apps.assets.models import Device
    from urja.cosem.security import unwrap_key

    assert run(*options(credit_minor=50_000)) == "1 adopted, 0 already registered\n"
    device = Device.objects.get()
    assert unwrap_key(KEK, bytes(device.wrapped_guek)) == bytes(range(16))
    assert run(*options()) == "0 adopted, 1 already registered; those were not changed\n"


def test_a_type_of_hls_mechanism_2_comes_with_its_secret(run):
    from urja.apps.assets.models import Device
    from urja.apps.commissioning.device_entries import due_entries

    with pytest.raises(CommandError, match="urja-d1-aes needs an HLS secret: give --hls-secret"):
        run(*options(type="urja-d1-aes"))
    run(*options(type="urja-d1-aes", hls_secret="ab" * 16))
    assert KekStore(KEK).unwrap(bytes(Device.objects.get().wrapped_hls_secret)) == b"\xab" * 16
    [due] = due_entries(10)
    assert KekStore(KEK).unwrap(due.wrapped_hls_secret) == b"\xab" * 16


@pytest.mark.parametrize(
    ("where", "kept"),
    [
        ({"link": "tcp://10.20.0.9:4060", "address": "17"}, "tcp://10.20.0.9:4060?address=17"),
        (
            {"link": "serial:/dev/ttyUSB0?baud=2400", "address": "300"},
            "serial:/dev/ttyUSB0?baud=2400&address=300",
        ),
        ({"address": "tcp://10.20.0.9:4060?address=17"}, "tcp://10.20.0.9:4060?address=17"),
    ],
)
def test_a_meter_behind_a_line_has_its_place_there(run, where, kept):
    from urja.apps.assets.models import Device

    run(*options(**where))
    assert Device.objects.get().address == kept


def test_an_agreement_may_have_its_own_calendar(run):
    from urja.apps.contracts.models import Agreement

    run(*options(billing_day=15))
    run(*options(serial="URJ2", system_title="5552410000000002"))
    days = Agreement.objects.order_by("service_point__consumer_number").values_list("billing_day", flat=True)
    assert list(days) == [15, None]


def test_many_meters_from_a_file_or_standard_input(run, tmp_path):
    meters = [
        GOOD | {"serial": f"URJ{n}", "system_title": f"{n:016x}", "valid_from": "2026-03-02T09:00:00+05:30"}
        for n in range(3)
    ]
    file = tmp_path / "meters.json"
    file.write_text(json.dumps(meters))
    assert run("--from-json", str(file)) == "3 adopted, 0 already registered\n"
    assert (
        run("--from-json", "-", stdin=json.dumps(meters))
        == "0 adopted, 3 already registered; those were not changed\n"
    )


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"guek": "00" * 15}, "the encryption key (guek) has 16 bytes, 32 hexadecimal digits, not 30 digits"),
        ({"hls_secret": "ab"}, "the HLS secret has 16 bytes, 32 hexadecimal digits, not 2 digits"),
        ({"gak": "zz" * 16}, "the authentication key (gak) is not hexadecimal"),
        ({"system_title": "00"}, "the system title has 8 bytes, 16 hexadecimal digits, not 2 digits"),
        ({"type": "urja-x"}, "unknown meter type 'urja-x': use one of"),
        ({"email": "meera"}, "'meera' is not an e-mail address"),
        ({"phone": "12345"}, "'12345' is not a telephone number of 8 to 15 digits"),
        ({"register_wh": -1}, "the register is at least 0 and at most 100000000000000, not -1"),
        ({"register_wh": 10**20}, "the register is at least 0 and at most 100000000000000, not 1000"),
        (
            {"register_l": 5},
            "a meter of type urja-d1 counts Wh: give its present reading with --register-wh, and no --register-l",
        ),
        (
            {"type": "urja-g1"},
            "a meter of type urja-g1 counts L: give its present reading with --register-l, and no --register-wh",
        ),
        ({"credit_minor": 10**20}, "the opening credit is at least 0 and at most 9000000000000, not 1000"),
        ({"sanctioned_load_w": 10**12}, "the sanctioned load is at least 1 and at most 1000000000, not 1000"),
        ({"name": " "}, "the consumer has no name"),
        ({"address": "gateway"}, "'gateway' is not host:port"),
        ({"address": "gateway:99999"}, "'gateway:99999' is not host:port"),
        ({"link": "10.20.0.9:4060", "address": "17"}, "'10.20.0.9:4060' is no link, such as tcp://"),
        ({"link": "tcp://10.20.0.9:4060", "address": "x"}, "the physical address, not 'x'"),
        ({"link": "tcp://10.20.0.9:4060", "address": "3"}, "address=16 to 16381, is needed"),
        ({"link": "tcp://10.20.0.9:4060"}, "address=16 to 16381, is needed"),
        ({"address": "g" * 90 + ":4059"}, "a text is longer than the 80 characters that can be stored"),
        ({"consumer_number": "C" * 40}, "a consumer number has 1 to 32 characters"),
        ({"billing_day": 31}, "billing periods begin on a day from 1 to 28 of a month, not on 31"),
        ({"language": "fr"}, "the language is en or hi, not 'fr'"),
        ({"tariff": "nothing"}, "'nothing'"),
    ],
)
def test_bad_input_gets_a_sentence_and_changes_nothing(run, change, sentence):
    from urja.apps.network.models import Premise

    with pytest.raises(CommandError) as refused:
        run(*options(**change))
    assert sentence in str(refused.value)
    assert "nothing was adopted" in str(refused.value)
    assert str(GOOD["gak"]) not in str(refused.value)
    assert Premise.objects.count() == 0


def test_what_is_missing_is_named(run):
    with pytest.raises(CommandError, match="missing: --gak, --type") as refused:
        run(*(part for part in options() if part not in ("--gak", GOOD["gak"], "--type", "urja-d1")))
    assert refused.value.code is Exit.USAGE


def test_one_bad_meter_in_a_file_leaves_the_others_out_too(run):
    from urja.apps.network.models import Premise

    meters = [GOOD, GOOD | {"serial": "OTHER"}]
    with pytest.raises(CommandError, match="that of meter URJ00000001"):
        run("--from-json", "-", stdin=json.dumps(meters))
    assert Premise.objects.count() == 0


def test_a_file_that_is_no_list_of_meters(run):
    with pytest.raises(CommandError, match="not a list of meters"):
        run("--from-json", "-", stdin='{"serial": 1}')


def test_a_consumer_number_in_use(run):
    run(*options(consumer_number="C-1"))
    other = {"serial": "OTHER", "system_title": "5552410000000002", "consumer_number": "C-1"}
    with pytest.raises(CommandError, match="nothing was adopted: service point C-1 exists already"):
        run(*options(**other))
