"""Other people's clients read and switch `urja meter serve`; each in a process and an environment of its own."""

import json
import subprocess
import sys
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from tests.foreign.isolated import DLMS_COSEM, GURUX, HERE, PYDLMS, PYDLMS_SERIAL, python_with

IST = timedelta(hours=5, minutes=30)
GMAC, LLS, NONE = 5, 1, 0
HISTORY_ROWS = {144, 145}


@contextmanager
def served(*options):
    command = [sys.executable, "-m", "urja.site.cli.main", "meter", "serve", "--port", "0", "--json"]
    with subprocess.Popen(
        [*command, "--days", "3", "--seed", "3", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        yield json.loads(process.stdout.readline())
        process.terminate()


@pytest.fixture(scope="module")
def meter():
    with served() as facts:
        yield facts


@pytest.fixture(scope="module")
def line():
    """Three meters behind one line of HDLC: a gateway's port, and a serial port."""
    with served("--hdlc", "--meters", "3", "--pty") as facts:
        yield facts


@pytest.fixture(scope="module")
def pydlms():
    return python_with(PYDLMS, "pydlms")


@pytest.fixture(scope="module")
def gurux():
    return python_with(GURUX, "gurux_dlms")


def run(python, script, meter, settings):
    child = subprocess.run(
        [*python, str(HERE / script), json.dumps(meter), json.dumps(settings)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert child.returncode == 0, child.stderr[-2000:]
    return json.loads(child.stdout.splitlines()[-1])


def check_clock(read):
    now_local = datetime.now(UTC).replace(tzinfo=None) + IST
    assert abs(now_local - datetime.fromisoformat(read["clock_local"])) < timedelta(minutes=2)


def check_everything(read):
    check_clock(read)
    assert read["rows_by_range"] == 5
    assert read["rows_by_entry"] == 3
    assert read["rows_all"] in HISTORY_ROWS
    assert read["objects"] > 60


FORMS = {
    "glo": {"protection": "glo"},
    "general-glo": {"protection": "general-glo"},
    "ded": {"protection": "glo", "use_dedicated_key": True},
    "general-ded": {"protection": "general-glo", "use_dedicated_key": True},
    "small": {"max_receive_pdu_size": 128},
}


@pytest.mark.parametrize("form", FORMS)
def test_pydlms_reads_and_switches_as_the_utility(pydlms, meter, form):
    settings = {"client_sap": 48, "mechanism": GMAC, **FORMS[form]}
    read = run(pydlms, "pydlms_client.py", meter, settings)
    check_everything(read)
    register, missing = read["list"]
    assert register == read["register"][0] > 1_000_000
    assert missing == 4  # object-undefined
    assert read["switch"] == [True, False, True]


def test_pydlms_reads_with_the_readers_password(pydlms, meter):
    settings = {"client_sap": 32, "mechanism": LLS, "password": meter["lls_secret"]}
    check_everything(run(pydlms, "pydlms_client.py", meter, settings))


def test_pydlms_reads_the_clock_as_the_public_client(pydlms, meter):
    read = run(pydlms, "pydlms_client.py", meter, {"client_sap": 16, "mechanism": NONE})
    check_clock(read)
    assert read["objects"] < 20


@pytest.mark.parametrize("dedicated", [False, True])
def test_gurux_reads_and_switches_as_the_utility(gurux, meter, dedicated):
    read = run(gurux, "gurux_client.py", meter, dedicated)
    check_everything(read)
    assert read["register"][0] > 1_000_000
    assert read["register"][1] == 30
    assert read["columns"] == 8
    assert read["list"] == 2
    assert read["switch"] == [True, False, True]
    # Every attribute of every object in the list; what the meter has not is object-unavailable, and no more.
    sweep = read["sweep"]
    assert sweep["unparsed"] == []
    assert {told.rsplit(" ", 1)[1] for told in sweep["refused"]} == {"11"}
    assert {told.split()[0] for told in sweep["refused"]} <= {
        "0.0.40.0.0.255",
        "0.0.40.0.3.255",
        "0.0.17.0.0.255",
    }
    assert sweep["read"] > 300


def test_gurux_opens_the_utility_association_by_the_meters_hls_secret(gurux):
    """Mechanism 2 is the maker's own; the library answers a challenge as Indian meters do: AES-128 under the secret."""
    with served("--type", "urja-d1-aes") as secretive:
        assert secretive["clients"]["utility"]["mechanism"] == 2
        read = run(gurux, "gurux_client.py", secretive, False)
        other = secretive | {"hls_secret": "00" * 16}
        with pytest.raises(AssertionError):
            run(gurux, "gurux_client.py", other, False)
    check_everything(read)
    assert read["switch"] == [True, False, True]


@pytest.mark.parametrize("kind", ["urja-d1", "urja-d1-aes"])
def test_gurux_gives_new_keys_and_opens_by_them_alone(gurux, kind):
    with served("--type", kind) as facts:
        secret = "5a" * 16 if facts["hls_secret"] else ""
        told = run(gurux, "gurux_keys.py", facts, {"guek": "a1" * 16, "gak": "b2" * 16, "hls_secret": secret})
    assert told["counter"] == 0, "counters begin again with the key"
    assert told["serial"] == facts["serial"]
    assert told["old"] != "opened"


def test_dlms_cosem_reads_with_the_readers_password_and_switches_as_the_utility(meter):
    read = run(python_with(DLMS_COSEM, "dlms_cosem"), "dlms_cosem_client.py", meter, None)
    check_clock(read)
    assert read["list"][0] > 1_000_000
    assert read["list"][1] == [0, 30]
    assert read["states"] == [1, 0, 1]


# --- over HDLC: three meters behind one line --------------------------------------------------------------------

HDLC_FORMS = {
    "glo": {"protection": "glo"},
    "window": {"protection": "glo", "window": 5, "information": 300},
    "two-bytes": {"protection": "general-glo", "address_size": 2},
    "four-bytes": {"protection": "general-glo", "address_size": 4},
}


@pytest.mark.parametrize("form", HDLC_FORMS)
def test_pydlms_reads_and_switches_over_hdlc(pydlms, line, form):
    settings = {"client_sap": 48, "mechanism": GMAC, **HDLC_FORMS[form]}
    read = run(pydlms, "pydlms_client.py", line["meters"][1], settings)
    check_everything(read)
    assert read["switch"] == [True, False, True]


def test_pydlms_reads_each_meter_of_a_line(pydlms, line):
    for meter in line["meters"]:
        settings = {"client_sap": 32, "mechanism": LLS, "password": meter["lls_secret"]}
        check_everything(run(pydlms, "pydlms_client.py", meter, settings))


def test_pydlms_reads_and_switches_over_a_serial_port(line):
    python = python_with(PYDLMS_SERIAL, "pydlms, serial")
    settings = {"client_sap": 48, "mechanism": GMAC, "protection": "glo", "device": line["pty"]}
    read = run(python, "pydlms_client.py", line["meters"][2], settings)
    check_everything(read)
    assert read["switch"] == [True, False, True]


def test_gurux_reads_and_switches_over_hdlc(gurux, line):
    read = run(gurux, "gurux_client.py", line["meters"][0], False)
    check_everything(read)
    assert read["columns"] == 8
    assert read["list"] == 2
    assert read["switch"] == [True, False, True]
    assert read["sweep"]["unparsed"] == []
    assert read["sweep"]["read"] > 300
