"""Urja's head end reads a meter that is not Urja's: gurux-dlms 1.0.203 in a process of its own."""

import json
import subprocess
import sys
from types import SimpleNamespace

import pytest
from tests.foreign.isolated import GURUX, python_with, started

pytestmark = pytest.mark.timeout(90)

FACTS = {
    "guek": "000102030405060708090a0b0c0d0e0f",
    "gak": "d0d1d2d3d4d5d6d7d8d9dadbdcdddedf",
    "title": "4752580000000007",
    "secret": "reader-secret",
    "counter": 41,
}
READER = ["--client", "32", "--guek", FACTS["guek"], "--gak", FACTS["gak"], "--secret", FACTS["secret"]]
UTILITY = ["--guek", FACTS["guek"], "--gak", FACTS["gak"], "--system-title", FACTS["title"]]
CLIENTS = {"public": [], "reader": READER, "utility": UTILITY}


@pytest.fixture(scope="module")
def port():
    python = python_with(GURUX, "gurux_dlms")
    with started(python, "gurux_server.py", json.dumps(FACTS)) as child:
        yield child.line()["port"]


def read(port, *options):
    command = [sys.executable, "-m", "urja.site.cli", "headend", "read", "--host", "127.0.0.1"]
    done = subprocess.run(
        [*command, "--port", str(port), "--timeout", "5", "--json", *options],
        capture_output=True,
        text=True,
        timeout=60,
    )
    return SimpleNamespace(code=done.returncode, error=done.stderr, json=json.loads(done.stdout or "null"))


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
    assert "OBJECT_UNDEFINED" in answer.error


def test_a_wrong_key_is_said(port):
    wrong = ["--guek", "ff" * 16, "--gak", FACTS["gak"]]
    answer = read(port, "--obis", "1.0.1.8.0.255", *wrong)
    assert answer.code != 0
    assert answer.error


def test_another_meters_title_is_noticed(port):
    answer = read(port, "--obis", "1.0.1.8.0.255", *UTILITY[:-1], "4752580000000008")
    assert answer.code == 1
    assert "title" in answer.error
