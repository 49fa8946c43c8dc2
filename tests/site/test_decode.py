"""`urja decode` on captured frames, broken ones, and the forms in which people paste them."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.cosem.pushes import BLOCK, INSTANTANEOUS, ciphered, plaintext

from urja.cosem import axdr, wrapper
from urja.cosem.security import AUTHENTICATED_ENCRYPTED, Suite0Keys, seal
from urja.site.decode import decode

GUEK, GAK = bytes(range(16)), bytes(range(0xD0, 0xE0))
KEYS = Suite0Keys(GUEK, GAK)
TITLE = b"URJ\0\0\0\0\x2a"
WITH_KEYS = ["--guek", GUEK.hex(), "--gak", GAK.hex()]

# Norwegian HAN, one phase, from the field (Aidon); and its reading.
AIDON = "0f40000000000101020309060100010700ff060000011802020f00161b"
# The Green Book's GET under HLS, client title 4D4D4D0000BC614E.
GREEN_BOOK_GET = "C81E3001234567411312FF935A47566827C467BC7D825C3BE4A77C3FCC056B6B"
HDLC_KAIFA = (
    "7ea079010201108093e6e7000f40000000090c07e1090f05052128ff800000020d09074b464d5f303031091036393730363331343031"
    "37353339383509084d4133303448334506000003b4060000000006000000000600000040060000058806"
    "00000ca90600000c2f060000095106000000000600000955115c7e"
)


def run(*args, text=None):
    return CliRunner().invoke(decode, list(args), input=text)


def document(*args, text=None, code=0):
    result = run(*args, "--json", text=text)
    assert result.exit_code == code, result.output
    return json.loads(result.stdout)


def wrapped(apdu, source=1, destination=64):
    return wrapper.Frame(source, destination, apdu).encode()


def block_push(counter=7):
    return ciphered(KEYS, TITLE, counter, plaintext(BLOCK, 42))


def test_a_bare_apdu_has_names_units_and_values():
    result = run(AIDON)
    assert result.exit_code == 0
    assert "    1.0.1.7.0.255    Active power import (+P)  280 W" in result.stdout.splitlines()
    found = document(AIDON)
    assert found["transport"] == "raw"
    assert found["service"] == "data-notification"
    assert found["long_invoke_id"] == 1073741824
    assert found["date_time"] is None
    assert found["body"] == [["h:0100010700ff", 280, [0, 27]]]
    assert found["readings"] == [
        {
            "obis": "1.0.1.7.0.255",
            "name": "Active power import (+P)",
            "value": 280,
            "scaler": 0,
            "unit_code": 27,
            "unit": "W",
            "scaled": "280",
        }
    ]


@pytest.mark.parametrize(
    "form",
    [
        AIDON,
        AIDON.upper(),
        " ".join(AIDON[i : i + 2] for i in range(0, len(AIDON), 2)),
        ":".join(AIDON[i : i + 2] for i in range(0, len(AIDON), 2)),
        ", ".join("0x" + AIDON[i : i + 2] for i in range(0, len(AIDON), 2)),
        AIDON[:20] + "\n" + AIDON[20:] + "\r\n",
    ],
)
def test_hex_comes_in_all_dresses_and_by_all_ways(form, tmp_path):
    expected = document(AIDON)
    assert document(form) == expected
    assert document("-", text=form) == expected
    assert document(*form.split()) == expected
    file = tmp_path / "capture.txt"
    file.write_text(form)
    assert document(str(file)) == expected


def test_a_binary_file(tmp_path):
    file = tmp_path / "capture.bin"
    file.write_bytes(bytes.fromhex(AIDON))
    assert document(str(file)) == document(AIDON)


def test_a_d1_push_is_named_from_companion_data():
    frame = wrapped(block_push())
    result = run(frame.hex(), *WITH_KEYS)
    assert result.exit_code == 0
    assert "Block energy, active import" in result.stdout
    assert "42 Wh" in result.stdout
    assert "Average voltage" in result.stdout
    assert "0.42 V" in result.stdout
    assert "verified" in result.stdout
    found = document(frame.hex(), *WITH_KEYS)
    assert (found["transport"], found["source"], found["destination"]) == ("wrapper", 1, 64)
    assert found["system_title"] == TITLE.hex()
    assert found["security_control"] == "30"
    assert found["invocation_counter"] == 7
    assert found["verified"] is True
    assert found["plain_apdu"] == plaintext(BLOCK, 42).hex()
    by_obis = {reading["obis"]: reading for reading in found["readings"]}
    assert by_obis["1.0.1.29.0.255"]["scaled"] == "42"
    assert by_obis["1.0.12.27.0.255"]["unit"] == "V"


def test_without_a_key_what_is_readable_is_shown():
    found = document(block_push().hex())
    assert found["system_title"] == TITLE.hex()
    assert "--guek" in found["missing"]
    assert "plain_apdu" not in found
    assert "not readable without the global unicast encryption key" in run(block_push().hex()).stdout


def test_without_the_authentication_key_nothing_is_verified():
    found = document(block_push().hex(), "--guek", GUEK.hex())
    assert found["verified"] is None
    assert found["service"] == "data-notification"
    assert "NOT verified" in run(block_push().hex(), "--guek", GUEK.hex()).stdout


@pytest.mark.parametrize("keys", [["--guek", "ff" * 16, "--gak", GAK.hex()], ["--guek", "ff" * 16]])
def test_a_wrong_key_is_called_one(keys):
    frame = block_push()
    found = document(frame.hex(), *keys, code=1)
    assert found["error"]["message"].startswith("wrong key")
    assert found["error"]["offset"] in {len(frame) - 12, 16}
    assert found["system_title"] == TITLE.hex()
    assert "at byte" in run(frame.hex(), *keys).stderr
    inside = document(wrapped(frame).hex(), *keys, code=1)["error"]
    assert inside["input_offset"] == inside["offset"] + wrapper.HEADER_LENGTH


def test_every_cut_of_a_frame_is_an_error_with_its_byte():
    for whole in (wrapped(block_push()), bytes.fromhex(HDLC_KAIFA), bytes.fromhex(AIDON)):
        for length in range(len(whole)):
            result = run(whole[:length].hex() or "-", *WITH_KEYS, "--json", text="")
            assert result.exit_code == 1, whole[:length].hex()
            error = json.loads(result.stdout)["error"]
            assert 0 <= error["offset"] <= length


def test_several_frames_in_a_row():
    capture = wrapped(bytes.fromhex(AIDON)) + bytes.fromhex(HDLC_KAIFA) + wrapped(block_push())
    found = document(capture.hex(), *WITH_KEYS)
    assert [one["transport"] for one in found] == ["wrapper", "hdlc", "wrapper"]
    broken = document((capture + b"\0\1\0").hex(), *WITH_KEYS, code=1)
    assert [one.get("transport") for one in broken] == ["wrapper", "hdlc", "wrapper", None]
    assert broken[-1]["error"]["offset"] == len(capture) + 3


def test_a_glo_service_needs_the_sender_s_title():
    green_book = [GREEN_BOOK_GET, *WITH_KEYS]
    assert "--system-title" in document(*green_book)["missing"]
    found = document(*green_book, "--system-title", "4D4D4D0000BC614E")
    assert found["service"] == "GET-request-normal"
    assert (found["class_id"], found["obis"], found["attribute"]) == (8, "0.0.1.0.0.255", 2)


def test_an_association_before_it_gives_the_title():
    title = bytes.fromhex("4D4D4D0000BC614E")
    initiate = bytes.fromhex("01011000112233445566778899AABBCCDDEEFF0000065F1F0400007E1F04B0")
    sealed = b"\x30\0\0\0\1" + seal(KEYS, title, 1, AUTHENTICATED_ENCRYPTED, initiate)
    info = b"\x21" + axdr.encode_length(len(sealed)) + sealed
    fields = (
        bytes.fromhex("a109060760857405080103")
        + b"\xa6\x0a\x04\x08" + title
        + b"\x8a\x02\x07\x80" + bytes.fromhex("8b0760857405080205")
        + b"\xac\x0a\x80\x08" + b"CHALLENG"
        + b"\xbe" + bytes([len(info) + 2]) + b"\x04" + bytes([len(info)]) + info
    )  # fmt: skip
    aarq = b"\x60" + axdr.encode_length(len(fields)) + fields
    capture = wrapped(aarq, 48, 1) + wrapped(bytes.fromhex(GREEN_BOOK_GET), 48, 1)
    first, second = document(capture.hex(), *WITH_KEYS)
    assert (first["service"], first["context"], first["authentication"]) == (
        "AARQ",
        "LN ciphering",
        "HLS-GMAC",
    )
    assert first["dedicated_key"] == "00112233445566778899AABBCCDDEEFF"
    assert (first["conformance"], first["max_pdu"]) == ("007E1F", 1200)
    assert second["obis"] == "0.0.1.0.0.255"
    assert "initiate-request" in run(capture.hex(), *WITH_KEYS).stdout


def test_the_plain_aarq_of_the_green_book():
    found = document("601da109060760857405080101be10040e01000000065f1f0400007e1f04b0")
    expected = {
        "context": "LN no ciphering",
        "authentication": None,
        "conformance": "007E1F",
        "max_pdu": 1200,
    }
    assert {key: found[key] for key in expected} == expected


@pytest.mark.parametrize(
    ("args", "words", "code"),
    [
        (["hello"], "character 'h' at position 1", 1),
        (["0f4"], "half a byte", 1),
        ([AIDON, "--guek", "00"], "16 bytes are needed", 2),
        ([AIDON, "--gak", "xy" * 16], "character 'x' at position 1", 2),
        ([""], "there are no bytes", 1),
        (["ff"], "not the tag of an APDU", 1),
    ],
)
def test_bad_input_is_told_plainly(args, words, code):
    result = run(*args)
    assert result.exit_code == code
    assert words in result.output


def test_long_pushes_and_clocks():
    frame = wrapped(ciphered(KEYS, TITLE, 1, plaintext(INSTANTANEOUS, 3)))
    found = document(frame.hex(), *WITH_KEYS)
    names = [reading["name"] for reading in found["readings"]]
    assert "Load switch" in names
    assert "Active power import (+P) maximum, time" in names
    assert (
        "2026-08-24 10:30:00, deviation +330 min = 2026-08-24 05:00:00Z"
        in run(frame.hex(), *WITH_KEYS).stdout
    )


def test_decode_runs_where_django_cannot_be_imported(tmp_path):
    (tmp_path / "django.py").write_text("raise ImportError('Django is not for this command')\n")
    script = "import sys; sys.argv = ['urja', 'decode', sys.argv[1]]; from urja.site.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", script, AIDON],
        env={"PYTHONPATH": str(tmp_path), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert done.returncode == 0, done.stderr
    assert "280 W" in done.stdout
