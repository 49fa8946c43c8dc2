"""Urja against dlms-cosem 21.3.2, both ways: what one writes the other reads as the same, for every APDU it knows."""

import json

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings, strategies as st
from tests.foreign import contents
from tests.foreign.isolated import DLMS_COSEM, ForeignError, python_with, started
from tests.meter.helpers import HOUR, MIDNIGHT_S, make_meter, moment

from urja.cosem import apdu, axdr, security
from urja.cosem.errors import AuthenticationError, PeerError
from urja.cosem.security import SecurityControl, SuiteKeys
from urja.cosem.wrapper import Frame, Splitter
from urja.site.cli.decode import decode

drawn = settings(max_examples=40, suppress_health_check=list(HealthCheck))
BOTH = SecurityControl()


@pytest.fixture(scope="module")
def peer():
    with started(python_with(DLMS_COSEM, "dlms_cosem"), "dlms_cosem_peer.py") as child:
        yield child


@pytest.fixture(scope="module")
def facts(peer):
    return peer.ask(do="facts")


@pytest.mark.parametrize("kind", contents.KINDS)
def test_they_read_what_we_write(peer, facts, kind):
    @drawn
    @given(contents.contents(kind, facts, by_peer=False))
    def check(content):
        raw = contents.build(content).encode()
        assert contents.content_of(apdu.decode_apdu(raw)) == content
        assert peer.ask(do="read", raw=raw.hex()) == content

    check()


# GetResponseNormal.to_bytes of the peer raises TypeError whatever it holds.
@pytest.mark.parametrize("kind", [kind for kind in contents.KINDS if kind != "get-response"])
def test_we_read_what_they_write_and_write_the_same_bytes(peer, facts, kind):
    @drawn
    @given(contents.contents(kind, facts, by_peer=True))
    def check(content):
        raw = bytes.fromhex(peer.ask(do="write", content=content))
        assert contents.content_of(apdu.decode_apdu(raw)) == content
        assert contents.build(content).encode() == raw

    check()


def test_values_are_the_same_both_ways(peer):
    @drawn
    @given(contents.values(500, arrays=True))
    def ours(content):
        raw = axdr.encode(contents.data_of(content))
        assert peer.ask(do="read_data", raw=raw.hex()) == content

    @drawn
    @given(contents.values(100, arrays=False))
    def theirs(content):
        raw = bytes.fromhex(peer.ask(do="write_data", data=content))
        assert contents.data_content(axdr.decode_all(raw)) == content
        assert axdr.encode(contents.data_of(content)) == raw

    ours()
    theirs()


def test_moments_are_the_same_both_ways(peer):
    @drawn
    @given(contents.moments())
    def check(text):
        raw = contents.moment_of(text).to_bytes()
        assert peer.ask(do="read_time", raw=raw.hex()) == text
        assert bytes.fromhex(peer.ask(do="write_time", at=text)) == raw

    check()


sealing = st.fixed_dictionaries(
    {
        "guek": contents.hexes(16),
        "gak": contents.hexes(16),
        "title": contents.hexes(8),
        "counter": contents.bounded(32),
    }
)


def _ours(question):
    keys = SuiteKeys(bytes.fromhex(question["guek"]), bytes.fromhex(question["gak"]))
    return keys, bytes.fromhex(question["title"]), question["counter"]


def test_what_one_seals_the_other_opens(peer):
    @drawn
    @given(sealing, st.binary(max_size=600))
    def check(question, text):
        sealed = security.seal(*_ours(question), BOTH, text)
        assert peer.ask(do="seal", control=0x30, text=text.hex(), **question) == sealed.hex()
        assert peer.ask(do="open", control=0x30, text=sealed.hex(), **question) == text.hex()
        assert security.open_(*_ours(question), BOTH, sealed) == text

    check()


def test_neither_opens_what_was_changed(peer):
    @drawn
    @given(sealing, st.binary(max_size=60), st.data())
    def check(question, text, data):
        sealed = bytearray(security.seal(*_ours(question), BOTH, text))
        sealed[data.draw(st.integers(0, len(sealed) - 1))] ^= data.draw(st.integers(1, 255))
        with pytest.raises(AuthenticationError):
            security.open_(*_ours(question), BOTH, bytes(sealed))
        with pytest.raises(ForeignError, match="DecryptionError"):
            peer.ask(do="open", control=0x30, text=sealed.hex(), **question)

    check()


def test_passes_3_and_4_of_gmac_and_wrapped_keys_agree(peer):
    @drawn
    @given(sealing, st.binary(min_size=8, max_size=64))
    def check(question, challenge):
        theirs = bytes.fromhex(peer.ask(do="gmac", control=0x10, challenge=challenge.hex(), **question))
        reply = security.gmac_reply(*_ours(question), challenge)
        assert reply == b"\x10" + question["counter"].to_bytes(4) + theirs
        keys, title, counter = _ours(question)
        assert security.verify_gmac_reply(keys, title, challenge, reply) == counter
        wrapped = security.wrap_key(keys.guek, keys.gak)
        assert peer.ask(do="wrap", kek=question["guek"], key=question["gak"]) == wrapped.hex()
        # Its own unwrap_key takes a wrapped key's 24 bytes for a key of the wrong length.
        assert security.unwrap_key(keys.guek, wrapped) == keys.gak

    check()


def test_wrapper_frames_are_the_same(peer):
    @drawn
    @given(contents.bounded(16), contents.bounded(16), st.binary(min_size=1, max_size=300))
    def check(source, destination, body):
        frame = Frame(source, destination, body)
        raw = peer.ask(do="wrapper", source=source, destination=destination, apdu=body.hex())
        assert frame.encode().hex() == raw
        assert Splitter().feed(bytes.fromhex(raw)) == [frame]

    check()


def test_urja_decode_shows_a_frame_of_theirs(peer):
    content = {
        "kind": "data-notification",
        "invoke": 7,
        "at": None,
        "body": [2, [[9, "0100010800ff"], [6, 1234567], [2, [[15, 0], [22, 30]]]]],
    }
    plain = peer.ask(do="write", content=content)
    question = {"guek": "11" * 16, "gak": "22" * 16, "title": "4652474e30303033", "counter": 9}
    text = peer.ask(do="seal", control=0x30, text=plain, **question)
    sealed = {"kind": "general-glo", "title": question["title"], "control": 0x30, "counter": 9, "text": text}
    frame = peer.ask(do="wrapper", source=1, destination=64, apdu=peer.ask(do="write", content=sealed))
    keys = ["--guek", question["guek"], "--gak", question["gak"]]
    shown = CliRunner().invoke(decode, [frame, *keys, "--json"])
    assert shown.exit_code == 0, shown.output
    document = json.loads(shown.output)
    assert document["verified"] is True
    assert document["plain_apdu"] == plain
    [reading] = document["readings"]
    assert (reading["obis"], reading["scaled"], reading["unit"]) == ("1.0.1.8.0.255", "1234567", "Wh")


def test_they_open_what_our_meter_pushes(peer):
    meter, _ = make_meter()
    meter.advance(moment(MIDNIGHT_S + HOUR))
    pushes = meter.advance(moment(MIDNIGHT_S + 2 * HOUR))
    assert pushes
    keys = {"guek": meter.identity.keys.guek.hex(), "gak": meter.identity.keys.gak.hex()}
    for push in pushes:
        sealed = peer.ask(do="read", raw=push.apdu.hex())
        question = {name: sealed[name] for name in ("title", "control", "counter", "text")}
        plain = bytes.fromhex(peer.ask(do="open", **question, **keys))
        theirs = peer.ask(do="read", raw=plain.hex())
        assert theirs == contents.content_of(apdu.decode_apdu(plain))


class TestWhereTheyDiffer:
    """What the peer does otherwise than the standard: it stays known here until the peer changes."""

    def test_a_notification_with_a_date_time_has_a_flag_where_its_length_is_due(self, peer):
        content = {
            "kind": "data-notification",
            "invoke": 1,
            "at": "2026-08-24T10:30:00",
            "body": [17, 5],
        }
        theirs = bytes.fromhex(peer.ask(do="write", content=content))
        assert theirs[5] == 1
        with pytest.raises(PeerError, match="date-time"):
            apdu.decode_apdu(theirs)

    def test_content_of_128_bytes_and_more_gets_a_length_that_cannot_be_read(self, peer):
        content = {
            "kind": "general-glo",
            "title": "00" * 8,
            "control": 0x30,
            "counter": 1,
            "text": "00" * 130,
        }
        with pytest.raises(PeerError):
            apdu.decode_apdu(bytes.fromhex(peer.ask(do="write", content=content)))
        assert peer.ask(do="read", raw=contents.build(content).encode().hex()) == content

    @pytest.mark.parametrize(
        "value",
        [
            axdr.boolean(True),
            axdr.bits(b"\xf0", 4),
            axdr.visible("URJ00000042"),
            axdr.utf8("यूनिट"),
            axdr.float32(230.5),
            axdr.float64(0.1),
            axdr.bcd(12),
            axdr.array(axdr.uint8(1)),
        ],
        ids=lambda value: value.tag.name,
    )
    def test_types_it_does_not_write(self, peer, value):
        content = contents.data_content(axdr.structure(axdr.uint8(1)))
        content[1][0] = [int(value.tag), [[17, 1]] if value.tag is axdr.Tag.ARRAY else 1]
        with pytest.raises(ForeignError):
            peer.ask(do="write_data", data=content)

    @pytest.mark.parametrize(
        "value",
        [
            axdr.bits(b"\xf0", 4),
            axdr.visible("URJ00000042"),
            axdr.utf8("यूनिट"),
            axdr.float32(230.5),
            axdr.bcd(12),
        ],
        ids=lambda value: value.tag.name,
    )
    def test_types_it_does_not_read(self, peer, value):
        with pytest.raises(ForeignError):
            peer.ask(do="read_data", raw=axdr.encode(value).hex())

    def test_it_selects_neither_entries_nor_columns(self, peer):
        entries = apdu.EntryAccess(1, 10).selection()
        request = apdu.GetRequestNormal(0xC1, apdu.CosemAttribute.of(7, "1.0.99.1.0.255", 2), entries)
        with pytest.raises(ForeignError, match="NotImplementedError"):
            peer.ask(do="read", raw=request.encode().hex())

    def test_the_top_byte_of_a_proposed_conformance_is_lost(self, peer):
        content = {"kind": "initiate-request", "conformance": 1 << 22 | 1, "max_pdu": 1024, "key": None}
        raw = contents.build(content).encode()
        assert peer.ask(do="read", raw=raw.hex())["conformance"] == 1

    def test_a_refused_counter_cannot_be_written(self, peer):
        content = {"kind": "exception", "state": 1, "service": 6, "counter": 300}
        with pytest.raises(ForeignError, match="ValueError"):
            peer.ask(do="write", content=content)
