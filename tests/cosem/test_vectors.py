"""Frames of real meters and worked examples of the Green Book: `plain_apdu` and `expected` are binding."""

import json
from pathlib import Path

import pytest

from urja.cosem import axdr, gbt
from urja.cosem.acse import ApplicationContext
from urja.cosem.apdu import (
    Aarq,
    ActionResponseNormal,
    DataNotification,
    GeneralBlockTransfer,
    GetRequestNormal,
    GlobalCiphered,
    InitiateRequest,
    decode_apdu,
)
from urja.cosem.association import Mechanism
from urja.cosem.capture import CaptureReader, Keys, packets
from urja.cosem.errors import AuthenticationError, CosemError, DecodeError
from urja.cosem.security import SuiteKeys, gmac_reply
from urja.cosem.time import CosemDateTime

VECTORS = {
    vector["id"]: vector
    for vector in json.loads((Path(__file__).parent.parent / "vectors" / "dlms.json").read_text())["vectors"]
}
MALFORMED = {"dlms-cosem/get-response-with-list": 6}
FRAMES = [name for name, vector in VECTORS.items() if "hex" in vector and name not in MALFORMED]
PUSHES = [name for name in FRAMES if "body" in VECTORS[name].get("expected", {})]


def opened(vector):
    """Return a vector's content, taken out of its frames and ciphering; raises the error in it."""
    given = {name: bytes.fromhex(vector[name]) for name in ("guek", "gak", "system_title") if name in vector}
    found = list(CaptureReader(Keys(**given)).open(bytes.fromhex(vector["hex"])))
    for error in (one.error for one in found if one.error is not None):
        raise error
    return found


def plain(vector):
    (found,) = opened(vector)
    return found.plain


def ciphered(vector):
    """Return the APDU of a vector as it is in its frames and blocks."""
    blocks, raw = gbt.Reassembler(), b""
    for packet in packets(bytes.fromhex(vector["hex"])):
        apdu = decode_apdu(packet.apdu)
        raw = blocks.push(apdu) if isinstance(apdu, GeneralBlockTransfer) else packet.apdu
    return raw


def keys(vector):
    gak = bytes.fromhex(vector["gak"]) if "gak" in vector else None
    return SuiteKeys(bytes.fromhex(vector["guek"]), gak)


def as_expected(value):
    """Return plain values in the notation of the vectors: h: before octet strings."""
    if isinstance(value, list):
        return [as_expected(item) for item in value]
    return f"h:{value.hex()}" if isinstance(value, bytes) else value


@pytest.mark.parametrize("name", FRAMES)
def test_plain_apdu(name):
    vector = VECTORS[name]
    assert plain(vector).hex() == vector.get("plain_apdu", vector["hex"]).lower()


@pytest.mark.parametrize("name", FRAMES)
def test_encoded_back_byte_for_byte(name):
    raw = plain(VECTORS[name])
    assert decode_apdu(raw).encode() == raw


@pytest.mark.parametrize("name", [name for name in FRAMES if "guek" in VECTORS[name]])
def test_sealed_back_byte_for_byte(name):
    vector = VECTORS[name]
    raw = ciphered(vector)
    sealed = decode_apdu(raw)
    assert sealed.control.to_byte() == int(vector["security_control"], 16)
    assert sealed.counter == vector["invocation_counter"]
    title = bytes.fromhex(vector["system_title"])
    again = type(sealed).protect(keys(vector), title, sealed.counter, sealed.control, plain(vector))
    assert again.encode() == raw


@pytest.mark.parametrize("name", PUSHES)
def test_body(name):
    expected = VECTORS[name]["expected"]
    push = decode_apdu(plain(VECTORS[name]))
    assert isinstance(push, DataNotification)
    assert push.long_invoke_id == expected["long_invoke_id"]
    moment = None if push.date_time is None else push.date_time.to_bytes().hex()
    assert moment == expected["date_time"]
    assert as_expected(axdr.to_python(push.body)) == expected["body"]


@pytest.mark.parametrize("name", ["espdlms/raw_egd_example", "espdlms/raw_sagecom_xt211"])
def test_pushes_with_bare_descriptors(name):
    """The source's own reading: OBIS code and value, where the attribute is a value."""
    push = decode_apdu(plain(VECTORS[name]))
    assert isinstance(push, DataNotification)
    assert push.date_time is None
    _, rows = axdr.to_python(push.body)
    read = {".".join(map(str, obis)): value for (_, obis, _), value in rows}
    expected = VECTORS[name]["expected_from_source"]
    assert read.keys() == expected.keys()
    for obis, text in expected.items():
        value = read[obis]
        if isinstance(value, int):
            assert value == float(text)
        elif obis != "0.2.25.9.0.255":  # the push object itself: a logical name, not a text
            assert value.decode() == text


@pytest.mark.parametrize(("name", "offset"), MALFORMED.items())
def test_malformed(name, offset):
    with pytest.raises(DecodeError) as caught:
        decode_apdu(bytes.fromhex(VECTORS[name]["hex"]))
    assert caught.value.offset == offset


def test_kaifa_keeps_the_tag_before_its_date_time():
    push = decode_apdu(plain(VECTORS["espdlms/hdlc_kaifa_ma304h3e"]))
    assert isinstance(push, DataNotification)
    assert push.date_time_tag is axdr.Tag.OCTET_STRING
    assert push.date_time == CosemDateTime(2017, 9, 15, 5, 5, 33, 40, 255, -32768, 0)


def test_green_book_get_request():
    request = decode_apdu(plain(VECTORS["greenbook/glo-get-request-ae"]))
    assert isinstance(request, GetRequestNormal)
    assert (request.attribute.class_id, str(request.attribute.obis)) == (8, "0.0.1.0.0.255")
    assert (request.attribute.attribute, request.access) == (2, None)


def test_green_book_initiate_request():
    request = decode_apdu(plain(VECTORS["greenbook/glo-initiate-request"]))
    assert isinstance(request, InitiateRequest)
    assert request.dedicated_key is not None
    assert request.dedicated_key.hex().upper() == "00112233445566778899AABBCCDDEEFF"
    assert request.conformance.to_bytes(3).hex().upper() == "007E1F"
    assert request.max_pdu == 1200


def test_green_book_gmac():
    vector = VECTORS["greenbook/gmac-f-stoc"]
    title, challenge = bytes.fromhex(vector["system_title"]), bytes.fromhex(vector["challenge"])
    assert gmac_reply(keys(vector), title, 1, challenge).hex().upper() == vector["expected_f_stoc"]


def test_green_book_aarq():
    aarq = decode_apdu(plain(VECTORS["greenbook/aarq-plain"]))
    assert isinstance(aarq, Aarq)
    assert aarq.context == ApplicationContext.LOGICAL_NAME
    assert (aarq.mechanism or Mechanism.NONE) is Mechanism.NONE
    assert aarq.user_information is not None
    initiate = decode_apdu(aarq.user_information)
    assert isinstance(initiate, InitiateRequest)
    assert (initiate.conformance.to_bytes(3).hex().upper(), initiate.max_pdu) == ("007E1F", 1200)


def test_action_response_with_data():
    response = decode_apdu(plain(VECTORS["dlms-cosem/action-response-with-data"]))
    assert isinstance(response, ActionResponseNormal)
    assert response.result == 0
    assert isinstance(response.data, axdr.Data)
    assert len(response.data.value) == 17


@pytest.mark.parametrize("name", [name for name in FRAMES if "guek" in VECTORS[name]])
def test_a_wrong_key_is_seen(name):
    vector = VECTORS[name] | {"guek": "00" * 16}
    with pytest.raises((AuthenticationError, DecodeError)) as caught:
        plain(vector)
    assert caught.value.offset is not None


@pytest.mark.parametrize("name", FRAMES)
def test_every_cut_is_a_typed_error(name):
    """A frame cut anywhere never decodes as the whole, and never fails in another way."""
    whole = plain(VECTORS[name])
    raw = bytes.fromhex(VECTORS[name]["hex"])
    for size in range(len(raw)):
        vector = VECTORS[name] | {"hex": raw[:size].hex()}
        try:
            cut = plain(vector)
            decode_apdu(cut)
        except CosemError:
            continue
        # The last closing flag is no part of the APDU; general blocks may lose their last frame's flag only.
        assert cut == whole or size < len(raw)


def test_a_glo_service_knows_its_key_kind():
    sealed = decode_apdu(bytes.fromhex(VECTORS["greenbook/glo-get-request-ae"]["hex"]))
    assert isinstance(sealed, GlobalCiphered)
    assert not sealed.dedicated
