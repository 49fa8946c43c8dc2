"""`urja decode` on captured frames, broken ones, and the forms in which people paste them."""

import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from tests.cosem.pushes import BLOCK, INSTANTANEOUS, ciphered, plaintext

from urja.cosem import axdr, gbt, hdlc, wrapper
from urja.cosem.apdu import (
    Aare,
    Aarq,
    AccessResult,
    Conformance,
    CosemAttribute,
    GeneralCiphered,
    GeneralGloCiphered,
    GeneralSigned,
    GetRequestNormal,
    GetResponseNormal,
    GetResponseWithList,
    GlobalCiphered,
    InitiateRequest,
    InitiateResponse,
    KeyInfo,
    MessageFields,
)
from urja.cosem.axdr import Data
from urja.cosem.companion import load_device_type
from urja.cosem.security import AUTHENTICATED_ENCRYPTED, ENCRYPTED, SecurityControl, SuiteKeys, seal
from urja.site.cli.decode import decode

GUEK, GAK = bytes(range(16)), bytes(range(0xD0, 0xE0))
KEYS = SuiteKeys(GUEK, GAK)
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


def test_a_broadcast_and_a_value_without_meaning_are_named():
    broadcast = "db084d4d4d00000000010e7000000001aabbccddeeff001122"
    assert (
        "not readable without the global broadcast encryption key (give it as --guek)"
        in run(broadcast).stdout
    )
    assert "body                don't care" in run("0f0000000100ff").stdout
    general = f"dd00{2 * '084d4d4d0000000001'}0000000e3000000001aabbccddeeff001122"
    assert "key                 not given" in run(general).stdout


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


def test_bare_apdus_one_a_line_are_told_apart():
    lines = [AIDON, "C001C100080000010000FF0200", "c401c1000600000005", "0e010601", "d80101"]
    found = document("-", text="\n".join(lines))
    assert [one["service"] for one in found] == [
        "data-notification", "GET-request-normal", "GET-response-normal", "confirmed-service-error", "exception-response",
    ]  # fmt: skip
    assert found[2]["data"] == 5
    *whole, broken = document("-", text="\n".join([*lines, "c401c10006"]), code=1)
    assert len(whole) == len(lines)
    assert broken["error"]["input_offset"] == len(bytes.fromhex("".join(lines))) + 5


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
        (["hello"], "character 1 is 'h'", 1),
        (["0f4"], "are not whole bytes", 1),
        ([AIDON, "--guek", "00"], "16 bytes are needed", 2),
        ([AIDON, "--gak", "xy" * 16], "character 1 is 'x'", 2),
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


# --- what meters in the field, and the standard's examples, have in them ------------------------------------------

VECTORS = {
    vector["id"]: vector
    for vector in json.loads((Path(__file__).parents[1] / "vectors" / "dlms.json").read_text())["vectors"]
}


def options(vector):
    names = {"guek": "--guek", "gak": "--gak"}
    return [word for key, option in names.items() if key in vector for word in (option, vector[key])]


def told(vector):
    """Value and unit by OBIS, as exact text where the value is scaled."""
    found = document(vector["hex"], *options(vector))
    return {one["obis"]: (one.get("scaled", one["value"]), one.get("unit")) for one in found["readings"]}


@pytest.mark.parametrize(
    ("name", "some"),
    [
        ("espdlms/hdlc_norway_han_3phase", {"1.0.52.7.0.255": ("249.9", "V"), "1.0.51.7.0.255": ("7.5", "A")}),
        ("espdlms/raw_salzburg_netz", {"1.0.31.7.0.255": ("1.65", "A"), "1.0.1.8.0.255": ("1327456", "Wh")}),
        ("amsreader/lg_e350_norway_list_2", {"1.0.31.7.0.255": ("31.80", "A"), "1.0.1.7.0.255": ("9460", "W")}),
        ("amsreader/kamstrup_sweden", {"1.1.1.7.0.255": (2269, None), "1.1.1.8.0.255": (32014158, None)}),
        # Named by the list's name, whose order is known.
        (
            "gurux-forum/kaifa_ma304h4pse",
            {"1.0.31.7.0.255": ("0.097", "A"), "1.0.32.7.0.255": ("229.8", "V"), "1.0.1.8.0.255": ("478133", "Wh")},
        ),
        ("espdlms/hdlc_kaifa_ma304h3e", {"1.0.71.7.0.255": ("3.119", "A"), "1.0.52.7.0.255": ("0.0", "V")}),
        # Named by the list of objects that the push begins with.
        ("espdlms/hdlc_landis_gyr_e450_cyprus", {"1.0.1.7.0.255": (187, None), "1.0.32.7.0.255": (238, None)}),
        ("espdlms/hdlc_landis_gyr_e450_cyprus_2", {"0.0.96.3.10.255": (1, None), "1.0.1.8.0.255": (132573, None)}),
        ("espdlms/raw_energomera", {"0.0.97.98.0.255": (16, None)}),
        ("espdlms/hdlc_lgz_e450_2", {"1.0.1.8.0.255": (12048950, None), "1.0.4.7.0.255": (379, None)}),
    ],
)  # fmt: skip
def test_readings_of_meters_in_the_field(name, some):
    found = told(VECTORS[name])
    assert {obis: found[obis] for obis in some} == some


@pytest.mark.parametrize("name", [name for name, vector in VECTORS.items() if "transport" in vector])
def test_every_captured_frame_is_shown_in_all_dresses(name):
    vector = VECTORS[name]
    plain = document(vector["hex"], *options(vector))
    assert plain["plain_apdu"] == vector["plain_apdu"]
    assert "error" not in plain
    upper = vector["hex"].upper()
    traced = "RX: " + " ".join(upper[i : i + 2] for i in range(0, len(upper), 2)) + " // from the field\r\n"
    assert document("-", *options(vector), text=traced) == plain
    assert run(vector["hex"], *options(vector)).exit_code == 0


def test_an_object_list_is_no_reading():
    """An element of a push object list names an attribute; its number is not the attribute's value."""
    found = told(VECTORS["amsreader/lng"])
    assert found["1.0.1.7.0.255"] == (40, None)
    assert "attribute 2  Active power import (+P)" in run(VECTORS["amsreader/lng"]["hex"]).stdout


HPL_ASSOCIATION = (  # gurux.fi/node/24607: a reader's LLS association with a meter of HPL
    "7EA05F03411007E2E6E6006051A109060760857405080103A60A040848504C37323939388A0207808B0760857405080201"
    "AC12801031313131313131313131313131313131BE170415211320000000 01E9C53132607662DC7A94A61439BFBEB57E"
    "7EA04A410330EBA8E6E700613CA109060760857405080103A203020100A305A103020100A40A040848504C000010F447"
    "BE1704152813200000000083 0705F03594EEE1A96C27CCA051765F7E"
)
GENUS_ASSOCIATION = (  # gurux.fi/comment/16477: HLS with mechanism 2, components not in the standard's order
    "7EA07C036110AA6BE6E600606EA109060760857405080103A60A040841424344454647488A0207808B0760857405080202"
    "AC1280104E261D0E1D1E416A056374235546 3E4CBE34043221303000000000 55B274213543BFC62B203160A9B5C12D97"
    "3BDFF27E02ACF1115E58F8AEA77AC24CD823837370D6F00D153E6F867E"
    "7EA077610330AD6CE6E7006169A109060760857405080103A203020100A305A10302010E88020780890760857405080202"
    "AA12801047656E757337000000000 91D3648C37EA40A0408474F450000581CF1BE230421281F3000000488A9FAE44B5740"
    "DB41F578B7CC15B4BE1B5852F6401CFBC06AFB87B2007E"
    "7EA03E0361327B46E6E600D330300000 00033DB18A0AE9B1D9F484E052ED9086CD91A8195CC14158901B1204DC6BCBB4F2"
    "FBE907C7CB835C41F5BD3C8DB5017E"
    "7EA01061 03527CE2E6E7000E060006DD487E"
)


def test_associations_of_indian_meters():
    request, answer = document(HPL_ASSOCIATION)
    assert (request["service"], request["authentication"], request["system_title"]) == (
        "AARQ", "LLS", "48504c3732393938",
    )  # fmt: skip
    assert (answer["service"], answer["result"], answer["system_title"]) == ("AARE", 0, "48504c000010f447")
    request, answer, proof, error = document(GENUS_ASSOCIATION)
    assert (request["authentication"], answer["authentication"], answer["diagnostic"]) == ("HLS", "HLS", 14)
    assert answer["responding_ap_title"] == "474f450000581cf1"
    assert "dedicated key" in proof["missing"]
    assert (error["service"], error["failed_service"], error["kind"], error["code"]) == (
        "confirmed-service-error", 6, 0, 6,
    )  # fmt: skip
    assert "6 (deciphering error)" in run(GENUS_ASSOCIATION).stdout


def test_what_is_wrong_inside_an_association_is_told():
    result = run(HPL_ASSOCIATION, "--guek", "00" * 16)
    assert result.exit_code == 1
    assert result.stderr.count("error in the user information: wrong key") == 2


TABLE_41 = (  # Green Book: ACCESS service with general-ciphering, one-pass Diffie-Hellman
    "DD080102030405060708084D4D4D0000BC614E084D4D4D00000000010000010201018180C323C2BD45711DE4688637D919F9"
    "2E9DB8FB2DFC213A88D21C9DC8DCBA917D8170511DE1BADB360D50058F794B0960AE11FA28D392CFF907A62D13E3357B1DC0"
    "B51BE089D0B682863B2217201E73A1A9031968A9B4121DCBC3281A69739AF87429F5B3AC5471E7B6A04A2C0F2F8A25FD772A"
    "317DF97FC5463FEAC248EB8AB8BE81EB3100000000F435069679270C5BF4425EE5777402A6C8D51C620EED52DBB188378B83"
    "6E2857D5C053E6DDF27FA87409AEF502CD9618AE47017C010224FD109CC0BEB21E742D44AB40CD11908743EC90EC8C40E221"
    "D517F72228E1A26E827F43DC18ED27B5F458D66508B05A2A4CC6FED178C881AFC3BC67064689BE8BB41C80ABB3C114A31F4C"
    "B03B8B64C7E0B4CE77B2399C93347858888F92239713B38DF01C4858245827A92EF334172EA636B31CBBDF2A96AD5D035F66"
    "AA38F1A2D97D4BBA99622E6B5F18789CECB2DFB3937D9F3E17F8B472098E6563238F37528374809836002AEA6E7012D2ADFA"
    "A7"
)


def test_a_message_under_an_agreed_key_is_shown_as_far_as_it_goes():
    found = document(TABLE_41)
    assert found["service"] == "general-ciphering"
    assert found["originator_system_title"] == "4d4d4d0000bc614e"
    assert found["recipient_system_title"] == "4d4d4d0000000001"
    assert (found["security_control"], found["invocation_counter"]) == ("31", 0)
    assert "agreed by parameters 01" in found["missing"]
    assert "transaction id" in run(TABLE_41).stdout


def test_general_ciphering_under_the_global_key_of_suite_2():
    keys = SuiteKeys(bytes(32), bytes(range(32)))
    fields = MessageFields(b"\0" * 7 + b"\1", TITLE, b"URJ\0\0HES", b"", b"")
    control = SecurityControl(suite=2)
    header = bytes([control.to_byte()]) + keys.gak + fields.encode()
    # The tag of AES-GCM, computed here by another way than the one under test.
    sealed = AESGCM(keys.guek).encrypt(TITLE + bytes(3) + b"\x09", bytes.fromhex(AIDON), header)[:-4]
    message = GeneralCiphered(fields, KeyInfo(0, 0), control, 9, sealed).encode()
    found = document(message.hex(), "--guek", keys.guek.hex(), "--gak", keys.gak.hex())
    assert (found["verified"], found["service"]) == (True, "data-notification")
    assert found["readings"][0]["scaled"] == "280"
    short = document(message.hex(), *WITH_KEYS, code=1)
    assert "takes keys of 32 bytes" in short["error"]["message"]
    changed = GeneralCiphered(replace(fields, transaction_id=b"\2"), None, control, 9, sealed).encode()
    broken = document(changed.hex(), "--guek", keys.guek.hex(), "--gak", keys.gak.hex(), code=1)
    assert "tag does not fit" in broken["error"]["message"]


def test_signed_content_is_shown_with_its_signature_unverified():
    signed = GeneralSigned(
        MessageFields(b"\1", TITLE, b"", b"", b""), bytes.fromhex(AIDON), bytes(64)
    ).encode()
    found = document(signed.hex())
    assert (found["service"], found["signature"]) == ("general-signing", "00" * 64)
    assert found["readings"][0]["scaled"] == "280"
    assert "NOT verified" in run(signed.hex()).stdout


def test_a_dedicated_key_serves_the_services_after_its_association():
    """The AARQ holds it; both ends' titles are in the capture, and each service goes under its sender's."""
    client, dedicated = bytes.fromhex("4D4D4D0000BC614E"), bytes(range(50, 66))
    initiate = InitiateRequest(Conformance.GET, 1024, dedicated).encode()
    request = Aarq(
        3,
        GlobalCiphered.protect(KEYS, client, 1, AUTHENTICATED_ENCRYPTED, initiate).encode(),
        client,
    ).encode()
    accepted = InitiateResponse(Conformance.GET, 1024).encode()
    answer = Aare(
        3, 0, 0, GlobalCiphered.protect(KEYS, TITLE, 1, AUTHENTICATED_ENCRYPTED, accepted).encode(),
        responding_ap_title=TITLE,
    ).encode()  # fmt: skip
    own = SuiteKeys(dedicated, GAK)
    get = GetRequestNormal(0xC1, CosemAttribute.of(8, "0.0.1.0.0.255", 2)).encode()
    gotten = GetResponseNormal(0xC1, axdr.uint32(5)).encode()
    asked = GlobalCiphered.protect(own, client, 2, AUTHENTICATED_ENCRYPTED, get, dedicated=True).encode()
    said = GlobalCiphered.protect(own, TITLE, 2, AUTHENTICATED_ENCRYPTED, gotten, dedicated=True).encode()
    capture = wrapped(request, 48, 1) + wrapped(answer, 1, 48) + wrapped(asked, 48, 1) + wrapped(said, 1, 48)
    *_, third, fourth = document(capture.hex(), *WITH_KEYS)
    assert (third["service"], third["system_title"]) == ("GET-request-normal", client.hex())
    assert (fourth["service"], fourth["data"], fourth["verified"]) == ("GET-response-normal", 5, True)
    # Without the association the key must be given.
    assert "--dedicated" in document(asked.hex(), *WITH_KEYS, "--system-title", client.hex())["missing"]
    alone = document(asked.hex(), *WITH_KEYS, "--system-title", client.hex(), "--dedicated", dedicated.hex())
    assert alone["obis"] == "0.0.1.0.0.255"


def test_a_ciphered_list_gets_its_values_shown():
    listed = GetResponseWithList(
        0xC1, (axdr.uint32(5), AccessResult.READ_WRITE_DENIED, axdr.octets(b"URJ"))
    ).encode()
    assert document(listed.hex())["results"] == [
        {"result": 0, "data": 5}, {"result": 3}, {"result": 0, "data": "h:55524a"},
    ]  # fmt: skip
    lines = run(listed.hex()).stdout.splitlines()
    assert [" ".join(line.split()) for line in lines[-3:]] == [
        "result 1 5", "result 2 3 (read write denied)", 'result 3 "URJ"',
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        ("05010200 58", {"service": "Read-request", "variables": [{"short_name": "0058"}]}),
        ("0c0100060000002a", {"service": "Read-response", "results": [{"result": 0, "data": 42}]}),
        ("0c010104", {"service": "Read-response", "results": [{"result": 4}]}),
        ("06010200580112000a", {"service": "Write-request", "values": [10]}),
        ("0d0100", {"service": "Write-response", "results": [0]}),
        ("16010200580112000a", {"service": "UnconfirmedWrite-request"}),
        ("1800010200580106000000ff", {"service": "InformationReport", "current_time": None, "values": [255]}),
        (
            "d94000000100010100080000010000ff020100",
            {"service": "ACCESS-request", "access_1": {
                "access": "get", "class_id": 8, "obis": "0.0.1.0.0.255", "attribute": 2}},
        ),
        ("da400000010000011105010100", {"service": "ACCESS-response", "values": [5],
                                        "results": [{"access": "get", "result": 0}]}),
    ],
)  # fmt: skip
def test_short_names_and_the_access_service(frame, expected):
    found = document(frame)
    assert {key: found[key] for key in expected} == expected


def test_a_readable_beginning_under_encryption_alone_says_where_it_ends():
    """Without a tag it is what comes out that tells a wrong key from a changed byte."""
    alone = SuiteKeys(GUEK)
    sealed = GeneralGloCiphered.protect(alone, TITLE, 1, ENCRYPTED, plaintext(BLOCK, 42)).encode()
    broken = sealed[:-2] + bytes([sealed[-2] ^ 0xFF]) + sealed[-1:]  # the last value's type
    error = document(broken.hex(), "--guek", GUEK.hex(), code=1)["error"]
    assert "reads as an APDU up to its byte" in error["message"]
    assert error["offset"] == len(sealed) - 2
    assert "wrong key" in document(sealed.hex(), "--guek", "11" * 16, code=1)["error"]["message"]


def test_what_is_sound_is_read_behind_what_is_broken():
    """A capture that begins in the middle, a frame that was cut, one whose check sequence is wrong."""
    hdlc_frame = bytes.fromhex(HDLC_KAIFA)
    changed = hdlc_frame[:-4] + bytes([hdlc_frame[-4] ^ 1]) + hdlc_frame[-3:]
    capture = hdlc_frame[50:] + hdlc_frame + changed + hdlc_frame[:40] + wrapped(bytes.fromhex(AIDON))
    start, whole, damaged, cut, last = document(capture.hex(), code=1)
    assert "are no frame" in start["error"]["message"]
    assert (whole["service"], last["service"]) == ("data-notification", "data-notification")
    assert "error" not in whole
    assert cut["error"]["input_offset"] > len(hdlc_frame[50:]) + len(hdlc_frame)
    # Its content is shown as it came, beside what is wrong with it.
    assert "check sequence is wrong" in damaged["error"]["message"]
    assert damaged["error"]["where"] == "the input"
    assert damaged["service"] == "data-notification"
    result = run(changed.hex())
    assert result.exit_code == 1
    assert "Voltage L1" in result.stdout
    assert result.stderr.splitlines() == [
        f"error in the input: the frame check sequence is wrong (at byte {len(changed) - 3})"
    ]


TELEGRAM = b"/SAG5SAG-METER\r\n\r\n0-0:1.0.0(261124151000W)\r\n1-0:1.8.0(001234.567*kWh)\r\n!A1B2\r\n"


@pytest.mark.parametrize("keys", [WITH_KEYS, WITH_KEYS[:2]])
def test_a_ciphered_text_telegram_is_shown_as_text(keys):
    """What a consumer port of Luxembourg or Styria ciphers is no APDU."""
    sealed = GeneralGloCiphered.protect(KEYS, TITLE, 7, AUTHENTICATED_ENCRYPTED, TELEGRAM).encode()
    found = document(sealed.hex(), *keys)
    assert found["text"] == TELEGRAM.decode()
    assert "  1-0:1.8.0(001234.567*kWh)" in run(sealed.hex(), *keys).stdout.splitlines()
    assert "wrong key" in document(sealed.hex(), "--guek", "11" * 16, code=1)["error"]["message"]


def test_an_unknown_protection_is_refused_also_where_no_title_is_known():
    unknown = bytes.fromhex("c80a3f00000001") + bytes(5)
    compressed = bytes.fromhex("c80ab000000001") + bytes(5)
    for frame, words in ((unknown, "no security suite 15"), (compressed, "V.44")):
        assert words in document(frame.hex(), *WITH_KEYS, code=1)["error"]["message"]


def test_arrows_of_a_trace_are_no_bytes():
    plain = document("c001c100080000010000ff0200")
    for arrow in ("->", "<-", "-->", "<==", ">>", "<<"):
        assert document("-", text=f"{arrow} c0 01 c1 00 08 00 00 01 00 00 ff 02 00\n") == plain


@pytest.mark.parametrize("llc", ["e6e600", "e6e700", "e6e600e6e600", "e6e700e6e700"])
def test_an_llc_header_may_come_twice_and_without_its_frame(llc):
    bare = document(llc + "c001c100080000010000ff0200")
    assert bare["service"] == "GET-request-normal"
    framed = hdlc.HdlcFrame(
        hdlc.Address(1),
        hdlc.Address(16),
        hdlc.Control(hdlc.Kind.INFORMATION),
        bytes.fromhex(llc + "c001c100080000010000ff0200"),
    )
    assert document(framed.encode().hex())["obis"] == bare["obis"]


BLOCKS = [block.encode() for block in gbt.split(bytes.fromhex(AIDON), 10)]
GET = bytes.fromhex("c001c100080000010000ff0200")


def test_a_block_transfer_that_something_else_interrupts_is_told_and_the_other_is_shown():
    """In wrapper frames, as a meter sends them: each APDU has its end."""
    frames = b"".join(wrapper.Frame(1, 16, apdu).encode() for apdu in (*BLOCKS[:2], GET))
    cut, shown = document(frames.hex(), code=1)
    assert cut["error"]["message"].startswith("the block transfer ends after block 2, the last is missing")
    assert shown["service"] == "GET-request-normal"
    assert "error" not in shown


def test_a_block_transfer_that_begins_again_is_two_and_the_second_is_whole():
    frames = b"".join(wrapper.Frame(1, 16, apdu).encode() for apdu in (BLOCKS[0], *BLOCKS))
    cut, whole = document(frames.hex(), code=1)
    assert cut["error"]["where"] == "the block transfer"
    assert whole["service"] == "data-notification"
    assert whole["plain_apdu"] == AIDON


def test_a_block_transfer_whose_end_is_garbage_is_told():
    frames = wrapper.Frame(1, 16, BLOCKS[0]).encode() + b"\x00\x01\x00"
    cut, rest = document(frames.hex(), code=1)
    assert "the last is missing" in cut["error"]["message"]
    assert rest["error"]["where"] == "the input"


# The example of DSMR 5.0.2 P1, 6.12, shortened; its checksum was calculated for the remainder.
P1_TELEGRAM = (
    "/ISk5\\2MT382-1000\r\n\r\n1-3:0.2.8(50)\r\n1-0:1.8.1(123456.789*kWh)\r\n1-0:1.7.0(01.193*kW)\r\n!"
)


def test_a_telegram_of_a_consumer_port_is_text():
    told = f"{P1_TELEGRAM}{crc16(P1_TELEGRAM.encode()):04X}\r\n"
    for text in (told, told.replace("\r\n", "\n"), P1_TELEGRAM + "\r\n"):
        found = document("-", text=text)
        assert found["service"] == "text telegram"
        assert "1-0:1.8.1(123456.789*kWh)" in found["text"]
    assert "1-0:1.7.0(01.193*kW)" in run("-", text=told).stdout


def test_a_telegram_with_a_changed_digit_does_not_fit_its_checksum():
    told = f"{P1_TELEGRAM}{crc16(P1_TELEGRAM.encode()):04X}\r\n".replace("01.193", "01.293")
    found = document("-", text=told, code=1)
    assert found["error"]["where"] == "the telegram"
    assert "checksum" in found["error"]["message"]


def crc16(body: bytes) -> int:
    """CRC-16/ARC, bit by bit over the whole message as one polynomial division, highest term first."""
    bits = [byte >> n & 1 for byte in body for n in range(8)] + [0] * 16
    divisor = [1, 1, *[0] * 12, 1, 0, 1]
    for at in range(len(bits) - 16):
        if bits[at]:
            bits[at : at + 17] = [bit ^ d for bit, d in zip(bits[at : at + 17], divisor, strict=True)]
    return sum(bit << n for n, bit in enumerate(bits[-16:]))


def test_the_checksum_of_the_tests_is_the_standard_one():
    assert crc16(b"123456789") == 0xBB3D


def test_bytes_are_told_from_numbers():
    """An octet string of digits alone is no number: it stands behind 0x."""
    shown = run("0f00000001000204" + "09050102030405" + "1100" + "0905ffffffffff" + "0600000005").stdout
    assert "    0x0102030405" in shown
    assert "    0xffffffffff" in shown
    assert "    5\n" in shown


def test_the_type_of_a_meter_names_and_scales_the_rows_of_its_profiles():
    d1 = load_device_type("urja-d1")
    columns = d1.profiles["block"].columns
    clock = bytes.fromhex("07ea0818010a1e00ff014a00")
    row = axdr.structure(
        *(
            axdr.octets(clock) if number == 0 else Data(column.tag, 100 + number)
            for number, column in enumerate(columns)
        )
    )
    answer = GetResponseNormal(0xC1, axdr.array(row, row)).encode().hex()
    assert "readings" not in document(answer)
    readings = document(answer, "--type", "urja-d1")["readings"]
    assert len(readings) == 2 * len(columns)
    energy = next(one for one in readings if one["obis"] == "1.0.1.29.0.255")
    column = next(column for column in columns if column.obis == "1.0.1.29.0.255")
    assert Decimal(energy["scaled"]) == Decimal(energy["value"]).scaleb(column.scaler)
    assert energy["unit"] == "Wh"
    assert f"{energy['scaled']} Wh" in run(answer, "--type", "urja-d1").stdout


def test_an_unknown_type_names_those_that_are_there():
    result = run("00", "--type", "nope")
    assert result.exit_code == 2
    assert "urja-d1" in result.stderr
