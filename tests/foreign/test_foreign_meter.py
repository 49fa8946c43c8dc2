"""Urja's head end reads meters that are not Urja's: of gurux-dlms 1.0.203 and of pydlms-client 0.1.0."""

import itertools
import json
import subprocess
import sys
from types import SimpleNamespace

import pytest
from click.testing import CliRunner
from tests.foreign.isolated import GURUX, PYDLMS, python_with, started

from urja.site.cli.headend import headend
from urja.site.command_errors import CommandError

FACTS = {
    "guek": "000102030405060708090a0b0c0d0e0f",
    "gak": "d0d1d2d3d4d5d6d7d8d9dadbdcdddedf",
    "title": "4752580000000007",
    "secret": "reader-secret",
    "counter": 41,
}
PHYSICAL = 17
READER = ["--client", "32", "--guek", FACTS["guek"], "--gak", FACTS["gak"], "--secret", FACTS["secret"]]
UTILITY = ["--guek", FACTS["guek"], "--gak", FACTS["gak"], "--system-title", FACTS["title"]]
CLIENTS = {"public": [], "reader": READER, "utility": UTILITY}


def over_wrapper(port):
    return ["--host", "127.0.0.1", "--port", str(port)]


def over_hdlc(port):
    return ["--link", f"tcp://127.0.0.1:{port}", "--address", str(PHYSICAL)]


@pytest.fixture(scope="module", params=["wrapper", "hdlc"])
def port(request):
    """Where the meter of gurux-dlms is, as options of `urja headend read`."""
    facts = FACTS | ({"physical_address": PHYSICAL} if request.param == "hdlc" else {})
    with started(python_with(GURUX, "gurux_dlms"), "gurux_server.py", json.dumps(facts)) as child:
        place = child.line()["port"]
        yield over_hdlc(place) if request.param == "hdlc" else over_wrapper(place)


def read(where, *options):
    """What `urja headend read` prints, in this process: a command of its own takes longer to start than to read."""
    done = CliRunner().invoke(headend, ["read", *where, "--timeout", "5", "--json", *options])
    if isinstance(refusal := done.exception, CommandError):
        return SimpleNamespace(code=refusal.code, error=str(refusal), json=None)
    return SimpleNamespace(code=done.exit_code, error=done.stderr, json=json.loads(done.stdout or "null"))


@pytest.mark.parametrize("client", CLIENTS)
def test_a_register_with_its_unit(port, client):
    answer = read(port, "--obis", "1.0.1.8.0.255", *CLIENTS[client])
    assert answer.code == 0, answer.error
    assert (answer.json["value"], answer.json["unit"]) == (1_234_567, "Wh")


@pytest.mark.parametrize("client", CLIENTS)
def test_rows_of_a_profile_by_range(port, client):
    span = ["--from", "2026-08-24T10:00", "--to", "2026-08-24T12:00"]
    answer = read(port, "--obis", "1.0.99.1.0.255", *span, *CLIENTS[client])
    assert answer.code == 0, answer.error
    columns = [(column["obis"], column["unit"]) for column in answer.json["columns"]]
    assert columns == [
        ("0.0.1.0.0.255", None),
        ("1.0.12.27.0.255", "V"),
        ("1.0.1.29.0.255", "Wh"),
    ]
    rows = answer.json["rows"]
    assert [row[1:] for row in rows] == [[230.19 + n / 100, 119 + n] for n in range(5)]
    assert rows[0][0].startswith("2026-08-24T10:00:00")


@pytest.mark.parametrize("client", CLIENTS)
def test_a_whole_profile_in_blocks(port, client):
    answer = read(port, "--obis", "1.0.99.1.0.255", *CLIENTS[client])
    assert answer.code == 0, answer.error
    assert [row[2] for row in answer.json["rows"]] == [100 + n for n in range(96)]


@pytest.mark.parametrize("client", CLIENTS)
def test_an_object_found_in_the_meters_own_list(port, client):
    answer = read(port, "--obis", "0.0.96.3.10.255", *CLIENTS[client])
    assert answer.code == 0, answer.error
    assert answer.json["value"] is True


def test_what_it_has_not_is_said(port):
    answer = read(port, "--obis", "1.0.99.77.0.255", "--class", "7", "--attribute", "4", *UTILITY)
    assert answer.code == 1
    assert "object undefined" in answer.error.lower().replace("_", " ")


def test_a_wrong_key_is_said(port):
    wrong = ["--guek", "ff" * 16, "--gak", FACTS["gak"]]
    answer = read(port, "--obis", "1.0.1.8.0.255", *wrong)
    assert answer.code != 0
    assert answer.error


def test_another_meters_title_is_noticed(port):
    answer = read(port, "--obis", "1.0.1.8.0.255", *UTILITY[:-1], "4752580000000008")
    assert answer.code == 1
    assert "title" in answer.error


# --- the simulator of pydlms-client, as it stands ---------------------------------------------------------

PYDLMS_KEYS = ["--guek", FACTS["guek"], "--gak", FACTS["gak"]]


@pytest.fixture(scope="module", params=["wrapper", "hdlc"])
def simulator(request):
    """Its keyed meter: GMAC for client 48, a password for 32, nothing asked of 16. It tells no counter."""
    options = ["--key", FACTS["guek"], "--auth-key", FACTS["gak"], "--client", "48:5"]
    options += ["--hdlc"] if request.param == "hdlc" else []
    python = python_with(PYDLMS, "pydlms")
    with started(python, "pydlms_meter.py", *options, "--client", "32:1:reader") as child:
        place = child.line()["port"]
        yield over_hdlc(place) if request.param == "hdlc" else over_wrapper(place)


@pytest.fixture(scope="module")
def plain_simulator():
    """Its meter without keys: a password for client 7."""
    with started(python_with(PYDLMS, "pydlms"), "pydlms_meter.py", "--client", "7:1:letmein") as child:
        yield over_wrapper(child.line()["port"])


COUNTERS = itertools.count(1000, 1000)


def options_of(client):
    """Each session begins above the last: the simulator keeps one counter for all."""
    if client == "public":
        return []
    keyed = [*PYDLMS_KEYS, "--invocation-counter", str(next(COUNTERS))]
    return keyed if client == "utility" else [*keyed, "--client", "32", "--secret", "reader"]


@pytest.mark.parametrize("client", CLIENTS)
def test_the_simulator_read_by_each_client(simulator, client):
    register = read(simulator, "--obis", "1.0.1.8.0.255", *options_of(client))
    assert register.code == 0, register.error
    assert (register.json["value"], register.json["unit"]) == (12_345_678, "Wh")
    profile = read(simulator, "--obis", "1.0.99.1.0.255", *options_of(client))
    assert profile.code == 0, profile.error
    assert [row[1] for row in profile.json["rows"]] == [1000 + 7 * n for n in range(96)]
    listed = read(simulator, "--obis", "0.0.96.3.10.255", *options_of(client))
    assert listed.code == 0, listed.error
    assert listed.json["value"] is True


def test_the_simulator_wants_a_higher_counter_and_says_so(simulator):
    assert read(simulator, "--obis", "1.0.1.8.0.255", *options_of("utility")).code == 0
    stale = read(simulator, "--obis", "1.0.1.8.0.255", *PYDLMS_KEYS, "--invocation-counter", "1")
    assert stale.code == 1
    assert "expected counter" in stale.error


def test_the_simulator_without_its_counter_object(simulator):
    answer = read(simulator, "--obis", "1.0.1.8.0.255", *PYDLMS_KEYS)
    assert answer.code == 1
    assert "0.0.43.1.3.255" in answer.error


def test_a_password_without_ciphering(plain_simulator):
    options = ["--obis", "1.0.32.7.0.255", "--client", "7", "--secret"]
    answer = read(plain_simulator, *options, "letmein")
    assert answer.code == 0, answer.error
    assert (answer.json["value"], answer.json["unit"]) == (230.1, "V")
    wrong = read(plain_simulator, *options, "wrong")
    assert wrong.code == 1
    assert "authentication failure" in wrong.error


def test_as_a_command_of_its_own(plain_simulator):
    options = ["--obis", "1.0.32.7.0.255", "--client", "7", "--secret", "letmein", "--json"]
    command = [sys.executable, "-m", "urja.site.cli.main", "headend", "read", *plain_simulator, *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["value"] == 230.1
