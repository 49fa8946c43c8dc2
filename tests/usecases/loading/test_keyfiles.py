"""Key files: plain or in an envelope; errors never show a byte of their content."""

import subprocess
from datetime import UTC, datetime

import pytest
from click.testing import CliRunner
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import pkcs7
from tests.site.test_import_cli import StandInAdministration
from tests.usecases.loading.filing import KEYS

from urja.site import admin
from urja.site.cli.stock import stock
from urja.site.command_errors import CommandError

SECRET = "deadbeef" * 4
CSV = (
    "serial,system_title,type,guek,gak,year\n"
    f"M1,0000000000000001,urja-d1,{SECRET},{'11' * 16},2025\n"
    f"M2,0000000000000002,urja-dt,{'22' * 16},{'33' * 16},\n"
)
PEM, DER = serialization.Encoding.PEM, serialization.Encoding.DER
PASSPHRASE = b"open sesame"


class Pair:
    """A key and a certificate of it, as files."""

    def __init__(self, directory, name, key=None):
        key = key or rsa.generate_private_key(65537, 2048)
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        self.read = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
            .not_valid_after(datetime(2040, 1, 1, tzinfo=UTC))
            .sign(key, hashes.SHA256())
        )
        self.certificate = directory / f"{name}.crt"
        self.certificate.write_bytes(self.read.public_bytes(PEM))
        self.key = directory / f"{name}.pem"
        self.key.write_bytes(
            key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        )
        self.closed_key = directory / f"{name}-closed.pem"
        self.closed_key.write_bytes(
            key.private_bytes(
                PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(PASSPHRASE)
            )
        )

    def options(self, key=None):
        return ["--certificate", self.certificate, "--private-key", key or self.key]


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    directory = tmp_path_factory.mktemp("pairs")
    return {
        "utility": Pair(directory, "utility"),
        "other": Pair(directory, "other"),
        "curve": Pair(directory, "curve", ec.generate_private_key(ec.SECP256R1())),
    }


def envelope(pair, content=CSV, encoding=DER):
    return (
        pkcs7.PKCS7EnvelopeBuilder()
        .set_data(content.encode())
        .add_recipient(pair.read)
        .encrypt(encoding, [pkcs7.PKCS7Options.Binary])
    )


@pytest.fixture
def run(database, stepped_clock, monkeypatch):
    monkeypatch.setattr(admin.Administration, "of", lambda data: StandInAdministration(stepped_clock))

    def invoke(*arguments):
        result = CliRunner().invoke(stock, [str(one) for one in arguments])
        if isinstance(result.exception, CommandError):
            raise result.exception
        assert result.exception is None, result.output
        return result.output

    return invoke


def receive(run, path, *options):
    return run("receive", path, "--delivery", "D-1", "--store", "Store 4", *options)


@pytest.mark.parametrize("encoding", [None, DER, PEM])
def test_a_delivery_is_received_open_or_closed(run, pairs, tmp_path, encoding):
    from urja.apps.assets.models import Device
    from urja.apps.journal.models import AuditEntry

    file = tmp_path / "keys"
    file.write_bytes(CSV.encode() if encoding is None else envelope(pairs["utility"], encoding=encoding))
    options = [] if encoding is None else pairs["utility"].options()
    assert receive(run, file, *options) == "2 meters received into Store 4\n"
    one, other = Device.objects.order_by("serial")
    assert KEYS.unwrap(bytes(one.wrapped_guek)).hex() == SECRET
    assert (one.stock, one.held_by, one.load_switch, one.nameplate) == (
        "delivered",
        "Store 4",
        True,
        {"year": "2025"},
    )
    assert (other.load_switch, other.interval_s, other.max_power_w) == (False, 1800, 14_400)
    assert SECRET not in str(AuditEntry.objects.get().content)
    with pytest.raises(CommandError, match="serial number M1 belongs to meter"):
        receive(run, file, *options)


def test_a_delivery_of_hls_mechanism_2_says_its_secrets(run, tmp_path):
    from urja.apps.assets.models import Device
    from urja.apps.journal.models import AuditEntry

    file = tmp_path / "keys"
    row = f"M1,0000000000000001,urja-d1-aes,{SECRET},{'11' * 16}"
    file.write_text(f"serial,system_title,type,guek,gak,hls_secret\n{row},\n")
    with pytest.raises(
        CommandError, match="row 2: hls_secret: it is empty, and meters of type urja-d1-aes need it"
    ):
        receive(run, file)
    file.write_text(f"serial,system_title,type,guek,gak,hls_secret\n{row},1A2b3C4d5E6f7G8h\n")
    receive(run, file)
    assert KEYS.unwrap(bytes(Device.objects.get().wrapped_hls_secret)) == b"1A2b3C4d5E6f7G8h"
    assert "1A2b3C" not in str(AuditEntry.objects.get().content)


def test_a_key_with_a_passphrase_and_an_envelope_that_openssl_calls_cms(run, pairs, tmp_path):
    file, passphrase = tmp_path / "keys.pem", tmp_path / "passphrase"
    file.write_bytes(envelope(pairs["utility"], encoding=PEM).replace(b"PKCS7", b"CMS"))
    passphrase.write_bytes(PASSPHRASE + b"\n")
    closed = pairs["utility"].options(pairs["utility"].closed_key)
    with pytest.raises(CommandError, match="protected by a passphrase: give it"):
        receive(run, file, *closed)
    assert receive(run, file, *closed, "--passphrase-file", passphrase).startswith("2 meters received")


def test_an_envelope_of_another_implementation(run, pairs, tmp_path):
    content, file = tmp_path / "keys.csv", tmp_path / "keys.p7m"
    content.write_text(CSV)
    subprocess.run(
        ["openssl", "cms", "-encrypt", "-binary", "-aes256", "-in", content, "-out", file, "-outform", "DER",
         pairs["utility"].certificate],
        check=True,
    )  # fmt: skip
    assert receive(run, file, *pairs["utility"].options()) == "2 meters received into Store 4\n"


def wrong(pairs, tmp_path):
    utility, other, curve = pairs["utility"], pairs["other"], pairs["curve"]
    passphrase = tmp_path / "wrong"
    passphrase.write_text("close sesame")
    signed = (
        pkcs7.PKCS7SignatureBuilder()
        .set_data(CSV.encode())
        .add_signer(
            utility.read, serialization.load_pem_private_key(utility.key.read_bytes(), None), hashes.SHA256()
        )
        .sign(DER, [])
    )
    closed = envelope(utility)
    return {
        "closed for another": (envelope(other), utility.options(), "encrypted for another certificate"),
        "no key": (closed, [], "is a PKCS#7 envelope: give the certificate and the private key"),
        "another key": (closed, utility.options(other.key), "the private key does not belong to the certificate"),
        "a curve": (closed, curve.options(), "is not an RSA key"),
        "damaged": (closed[:-40] + bytes(40), utility.options(), "cannot be decrypted|not a CSV|has no column"),
        "cut off": (closed[:200], utility.options(), "cannot be decrypted: it is damaged"),
        "not base64": (b"-----BEGIN PKCS7-----\n%%%%\n-----END PKCS7-----\n", utility.options(), "not base64"),
        "signed": (signed, utility.options(), "but no envelope: ask for EnvelopedData"),
        "signed inside": (
            pkcs7.PKCS7EnvelopeBuilder().set_data(signed).add_recipient(utility.read).encrypt(DER, [pkcs7.PKCS7Options.Binary]),
            utility.options(), "a signed message, not a CSV"),
        "wrong passphrase": (closed, [*utility.options(utility.closed_key), "--passphrase-file", passphrase], "cannot be read"),
        "no passphrase wanted": (closed, [*utility.options(), "--passphrase-file", passphrase], "has no passphrase, but one is given"),
        "no certificate": (closed, ["--certificate", utility.key, "--private-key", utility.key], "not a certificate in PEM form"),
        "half": (closed, ["--certificate", utility.certificate], "needs both --certificate and --private-key"),
        "short key": (CSV.replace(SECRET, "deadbeef").encode(), [], "row 2: guek: it has 4 bytes, not 16"),
        "no key in it": (CSV.replace(SECRET, "").encode(), [], "row 2: guek: it is empty"),
        "another type": (CSV.replace("urja-dt", "x").encode(), [], "row 3: there is no meter type 'x'"),
        "columns": (CSV.replace("gak", "gac").encode(), [], "the map does not name the columns of gak"),
        "not text": (b"\xff\xfe" + CSV.encode("utf-16-le"), [], "not a CSV in utf-8"),
        "empty": (b"serial,system_title,type,guek,gak\n", [], "the file has no meters"),
    }  # fmt: skip


NAMES = (
    "closed for another", "no key", "another key", "a curve", "damaged", "cut off", "not base64", "signed", "signed inside",
    "wrong passphrase", "no passphrase wanted", "no certificate", "half", "short key", "no key in it", "another type",
    "columns", "not text", "empty",
)  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_what_is_wrong_is_said_without_a_byte_of_it(run, pairs, tmp_path, name):
    from urja.apps.assets.models import Device

    content, options, sentence = wrong(pairs, tmp_path)[name]
    file = tmp_path / "keys"
    file.write_bytes(content)
    with pytest.raises(CommandError, match=sentence) as refused:
        receive(run, file, *options)
    assert "deadbeef" not in str(refused.value)
    assert Device.objects.count() == 0


def test_a_manufacturers_own_columns_by_a_map(run, tmp_path):
    file, the_map = tmp_path / "keys.csv", tmp_path / "map.toml"
    file.write_text(f"Meter No;Title;EK;AK\nM7;0000000000000007;{SECRET};{SECRET}\n")
    the_map.write_text(
        'kind = "devices"\ndelimiter = ";"\n[fields]\nserial = "Meter No"\nsystem_title = "Title"\nguek = "EK"\n'
        'gak = "AK"\ntype = { value = "urja-d1" }\n'
    )
    assert receive(run, file, "--map", the_map) == "1 meter received into Store 4\n"
    the_map.write_text(the_map.read_text() + 'consumer_number = "Meter No"\n')
    with pytest.raises(CommandError, match="a key file cannot have consumer_number"):
        receive(run, file, "--map", the_map)


def test_the_commands_of_a_store(run, tmp_path):
    file = tmp_path / "keys.csv"
    file.write_text(CSV)
    receive(run, file)
    assert run("test", "M1", "M2", "--passed") == "2 meters tested: passed\n"
    assert run("issue", "M1", "--fitter", "Arun") == "1 meter issued to Arun\n"
    with pytest.raises(CommandError, match="meter M2 is tested"):
        run("return", "M1", "M2", "--store", "Store 5")
    assert run("list").splitlines() == [
        "1 tested, 1 issued", "M1  urja-d1  issued  Arun", "M2  urja-dt  tested  Store 4",
    ]  # fmt: skip
    run("return", "M1", "--store", "Store 5")
    run("scrap", "M1", "--reason", "dropped")
    assert '"stock": "scrapped"' in run("list", "--state", "scrapped", "--json")
