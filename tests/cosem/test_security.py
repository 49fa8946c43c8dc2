"""Symmetric protection: published vectors, round trips, and every kind of wrong input."""

from dataclasses import replace

import pytest
from hypothesis import given, strategies as st

from urja.cosem import security
from urja.cosem.errors import AuthenticationError, DecodeError, LocalError
from urja.cosem.security import (
    AUTHENTICATED,
    AUTHENTICATED_ENCRYPTED,
    ENCRYPTED,
    SecurityControl,
    SuiteKeys,
)

GUEK = bytes.fromhex("000102030405060708090A0B0C0D0E0F")
GAK = bytes.fromhex("D0D1D2D3D4D5D6D7D8D9DADBDCDDDEDF")
KEYS = SuiteKeys(GUEK, GAK)
TITLE = bytes.fromhex("4D4D4D0000BC614E")
PLAIN = bytes.fromhex("C0010000080000010000FF0200")
CONTROLS = (AUTHENTICATED, ENCRYPTED, AUTHENTICATED_ENCRYPTED)

# Green Book, worked example of a ciphered GET request.
GREEN_BOOK = {
    AUTHENTICATED: "C0010000080000010000FF020006725D910F9221D263877516",
    ENCRYPTED: "411312FF935A47566827C467BC",
    AUTHENTICATED_ENCRYPTED: "411312FF935A47566827C467BC7D825C3BE4A77C3FCC056B6B",
}


@pytest.mark.parametrize("control", CONTROLS)
def test_green_book(control):
    sealed = security.seal(KEYS, TITLE, 0x01234567, control, PLAIN)
    assert sealed.hex().upper() == GREEN_BOOK[control]
    assert security.open_(KEYS, TITLE, 0x01234567, control, sealed) == PLAIN


@given(st.binary(max_size=200), st.integers(0, 0xFFFF_FFFF), st.sampled_from(CONTROLS))
def test_round_trip(plain, counter, control):
    sealed = security.seal(KEYS, TITLE, counter, control, plain)
    assert len(sealed) == len(plain) + 12 * control.authenticated
    assert security.open_(KEYS, TITLE, counter, control, sealed) == plain


@given(st.binary(max_size=50), st.data(), st.sampled_from((AUTHENTICATED, AUTHENTICATED_ENCRYPTED)))
def test_any_changed_bit_is_seen(plain, data, control):
    sealed = bytearray(security.seal(KEYS, TITLE, 7, control, plain))
    sealed[data.draw(st.integers(0, len(sealed) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(AuthenticationError):
        security.open_(KEYS, TITLE, 7, control, bytes(sealed))


def test_wrong_key_title_counter_or_control():
    sealed = security.seal(KEYS, TITLE, 7, AUTHENTICATED_ENCRYPTED, PLAIN)
    wrong = [
        (SuiteKeys(bytes(16), GAK), TITLE, 7, AUTHENTICATED_ENCRYPTED),
        (SuiteKeys(GUEK, bytes(16)), TITLE, 7, AUTHENTICATED_ENCRYPTED),
        (KEYS, bytes(8), 7, AUTHENTICATED_ENCRYPTED),
        (KEYS, TITLE, 8, AUTHENTICATED_ENCRYPTED),
        (KEYS, TITLE, 7, AUTHENTICATED),
        (KEYS, TITLE, 7, SecurityControl(broadcast=True)),
    ]
    for arguments in wrong:
        with pytest.raises(AuthenticationError):
            security.open_(*arguments, sealed)


def test_encryption_alone_needs_no_authentication_key():
    alone = SuiteKeys(GUEK)
    sealed = security.seal(alone, TITLE, 7, ENCRYPTED, PLAIN)
    assert security.open_(alone, TITLE, 7, ENCRYPTED, sealed) == PLAIN
    with pytest.raises(LocalError):
        security.seal(alone, TITLE, 7, AUTHENTICATED, PLAIN)


def test_no_protection_at_all():
    nothing = SecurityControl(authenticated=False, encrypted=False)
    assert security.seal(KEYS, TITLE, 7, nothing, PLAIN) == PLAIN
    assert security.open_(KEYS, TITLE, 7, nothing, PLAIN) == PLAIN


@pytest.mark.parametrize(("suite", "length"), [(0, 16), (1, 16), (2, 32)])
@pytest.mark.parametrize("control", [AUTHENTICATED_ENCRYPTED, AUTHENTICATED, ENCRYPTED])
def test_every_suite_seals_with_keys_of_its_length(suite, length, control):
    control = replace(control, suite=suite)
    keys = SuiteKeys(bytes(range(length)), bytes(range(100, 100 + length)))
    sealed = security.seal(keys, TITLE, 7, control, PLAIN)
    assert security.open_(keys, TITLE, 7, control, sealed) == PLAIN
    other = SuiteKeys(bytes(48 - length), bytes(48 - length))
    with pytest.raises(DecodeError, match=f"takes keys of {length} bytes"):
        security.open_(other, TITLE, 7, control, sealed)
    with pytest.raises(LocalError, match=f"takes keys of {length} bytes"):
        security.seal(other, TITLE, 7, control, PLAIN)


def test_what_no_suite_has():
    for control in (SecurityControl(suite=3), SecurityControl(compressed=True)):
        with pytest.raises(LocalError):
            security.seal(KEYS, TITLE, 7, control, PLAIN)
        with pytest.raises(DecodeError):
            security.open_(KEYS, TITLE, 7, control, PLAIN)
    with pytest.raises(DecodeError):
        security.open_(KEYS, TITLE, 7, AUTHENTICATED, bytes(11))


def test_lengths_of_keys_titles_counters():
    with pytest.raises(LocalError):
        SuiteKeys(bytes(15))
    with pytest.raises(LocalError):
        SuiteKeys(bytes(16), bytes(24))
    with pytest.raises(LocalError):
        SuiteKeys(bytes(32), bytes(16))
    with pytest.raises(LocalError):
        security.seal(KEYS, bytes(7), 1, ENCRYPTED, PLAIN)
    with pytest.raises(LocalError):
        security.seal(KEYS, TITLE, 1 << 32, ENCRYPTED, PLAIN)


def test_keys_are_not_printed():
    assert GUEK.hex() not in repr(KEYS)
    assert str(GUEK) not in repr(KEYS)


@given(st.integers(0, 255))
def test_control_byte(value):
    assert SecurityControl.from_byte(value).to_byte() == value


def test_covers():
    assert AUTHENTICATED_ENCRYPTED.covers(AUTHENTICATED)
    assert AUTHENTICATED_ENCRYPTED.covers(AUTHENTICATED_ENCRYPTED)
    assert not AUTHENTICATED.covers(AUTHENTICATED_ENCRYPTED)
    assert not ENCRYPTED.covers(AUTHENTICATED)


def test_gmac_of_the_green_book():
    title = bytes.fromhex("4D4D4D0000000001")
    challenge = bytes.fromhex("503677524A323146")
    reply = security.gmac_reply(KEYS, title, 1, challenge)
    assert reply.hex().upper() == "10000000011A52FE7DD3E72748973C1E28"
    assert security.verify_gmac_reply(KEYS, title, challenge, reply) == 1
    for wrong in (reply[:-1], b"\x30" + reply[1:], reply[:-1] + b"\x00"):
        with pytest.raises(AuthenticationError):
            security.verify_gmac_reply(KEYS, title, challenge, wrong)


def test_key_wrap_of_rfc_3394():
    kek = bytes.fromhex("000102030405060708090A0B0C0D0E0F")
    key = bytes.fromhex("00112233445566778899AABBCCDDEEFF")
    wrapped = security.wrap_key(kek, key)
    assert wrapped.hex().upper() == "1FA68B0A8112B447AEF34BD8FB5A7B829D3E862371D2CFE5"
    assert security.unwrap_key(kek, wrapped) == key
    with pytest.raises(AuthenticationError):
        security.unwrap_key(bytes(16), wrapped)
    with pytest.raises(AuthenticationError):
        security.unwrap_key(kek, wrapped[:-1])
    with pytest.raises(LocalError):
        security.wrap_key(kek, b"short")
    with pytest.raises(LocalError):
        security.unwrap_key(b"short", wrapped)
