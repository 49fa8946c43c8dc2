"""Every APDU: worked bytes, round trips, truncated bytes, and arbitrary bytes."""

import pytest
from hypothesis import given, settings, strategies as st

from urja.cosem import axdr
from urja.cosem.acse import AUTHENTICATION_UNIT, DiagnosticSource
from urja.cosem.apdu import (
    Aare,
    Aarq,
    AccessKind,
    AccessOutcome,
    AccessPart,
    AccessRequest,
    AccessResponse,
    AccessResult,
    AccessSelection,
    ActionOutcome,
    ActionRequestBlock,
    ActionRequestFirstBlock,
    ActionRequestFirstBlockWithList,
    ActionRequestNextBlock,
    ActionRequestNormal,
    ActionRequestWithList,
    ActionResponseBlock,
    ActionResponseNextBlock,
    ActionResponseNormal,
    ActionResponseWithList,
    ActionResult,
    Block,
    BlockAccess,
    CaptureObject,
    ConfirmedServiceError,
    Conformance,
    CosemAttribute,
    CosemMethod,
    DataNotification,
    EntryAccess,
    EventNotification,
    ExceptionResponse,
    GeneralBlockTransfer,
    GeneralCiphered,
    GeneralDedCiphered,
    GeneralGloCiphered,
    GeneralSigned,
    GetRequestNext,
    GetRequestNormal,
    GetRequestWithList,
    GetResponseNormal,
    GetResponseWithBlock,
    GetResponseWithList,
    GlobalCiphered,
    InformationReport,
    InitiateRequest,
    InitiateResponse,
    KeyInfo,
    MessageFields,
    RangeAccess,
    ReadRequest,
    ReadResponse,
    Rlre,
    Rlrq,
    ServiceError,
    SetRequestBlock,
    SetRequestFirstBlock,
    SetRequestFirstBlockWithList,
    SetRequestNormal,
    SetRequestWithList,
    SetResponseBlock,
    SetResponseLastBlock,
    SetResponseLastBlockWithList,
    SetResponseNormal,
    SetResponseWithList,
    ShortName,
    StateError,
    WriteRequest,
    WriteResponse,
    decode_apdu,
)
from urja.cosem.errors import AuthenticationError, DecodeError, LimitExceededError, LocalError
from urja.cosem.security import AUTHENTICATED_ENCRYPTED, ENCRYPTED, SuiteKeys
from urja.cosem.time import CosemDateTime
from urja.cosem.xdlms.ciphered import CIPHERED_TAGS, DEDICATED_TAG_OF, GLOBAL_TAG_OF

CLOCK = CosemAttribute.of(8, "0.0.1.0.0.255", 2)
PROFILE = CosemAttribute.of(7, "1.0.99.1.0.255", 2)
RECONNECT = CosemMethod.of(70, "0.0.96.3.10.255", 2)
MOMENT = CosemDateTime(2025, 4, 16, 3, 9, 30, 0, 0, 330, 0)
RANGE = RangeAccess(
    CaptureObject(CLOCK),
    axdr.octets(MOMENT.to_bytes()),
    axdr.octets(MOMENT.to_bytes()),
    (CaptureObject(CLOCK), CaptureObject(CosemAttribute.of(3, "1.0.1.29.0.255", 2))),
)
ENTRIES = EntryAccess(1, 48)
ITEMS = ((CLOCK, None), (PROFILE, ENTRIES.selection()))
VALUE = axdr.structure(axdr.uint32(182), axdr.octets(b"\x01"))
BLOCK = Block(True, 3, b"\x01\x02")
KEYS = SuiteKeys(bytes(range(16)), bytes(range(16, 32)))
TITLE = b"URJ00001"
FIELDS = MessageFields(b"\0\0\0\0\0\0\0\1", TITLE, b"URJ00002", b"", b"")

ALL = [
    GetRequestNormal(0xC1, CLOCK),
    GetRequestNormal(0xC1, PROFILE, RANGE.selection()),
    GetRequestNext(0xC1, 7),
    GetRequestWithList(0xC1, ITEMS),
    GetResponseNormal(0xC1, VALUE),
    GetResponseNormal(0xC1, AccessResult.OBJECT_UNDEFINED),
    GetResponseWithBlock(0xC1, False, 1, b"\x01" * 200),
    GetResponseWithBlock(0xC1, True, 2, AccessResult.LONG_GET_ABORTED),
    GetResponseWithList(0xC1, (VALUE, AccessResult.READ_WRITE_DENIED)),
    SetRequestNormal(0xC1, CLOCK, VALUE),
    SetRequestNormal(0xC1, PROFILE, VALUE, ENTRIES.selection()),
    SetRequestFirstBlock(0xC1, CLOCK, BLOCK),
    SetRequestBlock(0xC1, BLOCK),
    SetRequestWithList(0xC1, ITEMS, (VALUE, axdr.null())),
    SetRequestFirstBlockWithList(0xC1, ITEMS, BLOCK),
    SetResponseNormal(0xC1, AccessResult.SUCCESS),
    SetResponseBlock(0xC1, 2),
    SetResponseLastBlock(0xC1, AccessResult.SUCCESS, 3),
    SetResponseLastBlockWithList(0xC1, (AccessResult.SUCCESS, AccessResult.OTHER_REASON), 3),
    SetResponseWithList(0xC1, (AccessResult.SUCCESS, AccessResult.TYPE_UNMATCHED)),
    ActionRequestNormal(0xC1, RECONNECT),
    ActionRequestNormal(0xC1, RECONNECT, axdr.int8(0)),
    ActionRequestNextBlock(0xC1, 1),
    ActionRequestWithList(0xC1, (RECONNECT, RECONNECT), (axdr.int8(0), axdr.null())),
    ActionRequestFirstBlock(0xC1, RECONNECT, BLOCK),
    ActionRequestFirstBlockWithList(0xC1, (RECONNECT,), BLOCK),
    ActionRequestBlock(0xC1, BLOCK),
    ActionResponseNormal(0xC1, ActionResult.SUCCESS),
    ActionResponseNormal(0xC1, ActionResult.SUCCESS, VALUE),
    ActionResponseNormal(0xC1, ActionResult.HARDWARE_FAULT, AccessResult.HARDWARE_FAULT),
    ActionResponseBlock(0xC1, BLOCK),
    ActionResponseWithList(
        0xC1, (ActionOutcome(ActionResult.SUCCESS, VALUE), ActionOutcome(ActionResult.OTHER_REASON))
    ),
    ActionResponseNextBlock(0xC1, 1),
    InitiateRequest(Conformance.GET | Conformance.SET, 1200),
    InitiateRequest(Conformance.GET, 0, bytes(16), False, -1),
    InitiateResponse(Conformance.GET, 500),
    InitiateResponse(Conformance.GET, 500, 0),
    ConfirmedServiceError(1, 6, 1),
    ExceptionResponse(StateError.SERVICE_NOT_ALLOWED, ServiceError.OPERATION_NOT_POSSIBLE),
    ExceptionResponse(StateError.SERVICE_NOT_ALLOWED, ServiceError.INVOCATION_COUNTER_ERROR, 77),
    DataNotification(1, None, VALUE),
    DataNotification(1, MOMENT, VALUE),
    DataNotification(1, MOMENT, VALUE, axdr.Tag.OCTET_STRING),
    DataNotification(1, MOMENT, VALUE, axdr.Tag.DATE_TIME),
    DataNotification(1, None, VALUE, axdr.Tag.OCTET_STRING),
    EventNotification(None, CLOCK, VALUE),
    EventNotification(MOMENT, CLOCK, VALUE),
    GeneralBlockTransfer(True, True, 9, 1, 2, b"\x0f"),
    GlobalCiphered(0xC8, AUTHENTICATED_ENCRYPTED, 5, bytes(20)),
    GlobalCiphered(0xD7, ENCRYPTED, 5, bytes(200)),
    GeneralGloCiphered(TITLE, ENCRYPTED, 5, bytes(20)),
    GeneralGloCiphered(b"", ENCRYPTED, 5, bytes(200)),
    GeneralDedCiphered(TITLE, ENCRYPTED, 5, bytes(20)),
    Aarq(1, b"\x01\x00"),
    Aarq(3, b"\x21\x00", TITLE, 5, b"challenge", AUTHENTICATION_UNIT),
    Aarq(3, b"\x21\x00", TITLE, extra=((0x80, b"\x02\x84"), (0xA9, b"\x02\x01\x01"))),
    Aare(1, 0, 0, b"\x08"),
    Aare(3, 0, 14, b"\x28", DiagnosticSource.SERVICE_USER, TITLE, 5, b"challenge", AUTHENTICATION_UNIT),
    Aare(1, 1, 2, None, DiagnosticSource.SERVICE_PROVIDER),
    AccessRequest(
        0x40000001,
        b"",
        (
            AccessPart(AccessKind.GET, CLOCK),
            AccessPart(AccessKind.SET, CLOCK),
            AccessPart(AccessKind.ACTION, RECONNECT),
            AccessPart(AccessKind.GET_WITH_SELECTION, PROFILE, RANGE.selection()),
            AccessPart(AccessKind.SET_WITH_SELECTION, PROFILE, ENTRIES.selection()),
        ),
        (axdr.null(), VALUE, axdr.int8(0), axdr.null(), VALUE),
    ),
    AccessResponse(
        1,
        MOMENT.to_bytes(),
        None,
        (VALUE, axdr.null()),
        (
            AccessOutcome(AccessKind.GET, AccessResult.SUCCESS),
            AccessOutcome(AccessKind.ACTION, ActionResult.OTHER_REASON),
        ),
    ),
    AccessResponse(1, b"", (AccessPart(AccessKind.GET, CLOCK),), (VALUE,), ()),
    ReadRequest((ShortName(0xFA00), ShortName(8, 1, RANGE.selection().parameters))),
    ReadRequest((BlockAccess(7), BlockAccess(8, True, b"\x01\x02"), BlockAccess(9, False))),
    ReadResponse((VALUE, AccessResult.OBJECT_UNDEFINED, BlockAccess(1, True, b"\x01"), BlockAccess(2))),
    WriteRequest((ShortName(8),), (VALUE,)),
    WriteRequest((ShortName(8),), (VALUE,), confirmed=False),
    WriteResponse((AccessResult.SUCCESS, AccessResult.TYPE_UNMATCHED, 3)),
    InformationReport(None, (ShortName(8),), (VALUE,)),
    InformationReport(b"20261124120000Z", (ShortName(8),), (VALUE,)),
    GeneralCiphered(FIELDS, None, AUTHENTICATED_ENCRYPTED, 5, bytes(20)),
    GeneralCiphered(FIELDS, KeyInfo(0, 0), AUTHENTICATED_ENCRYPTED, 5, bytes(20)),
    GeneralCiphered(FIELDS, KeyInfo(1, 0, ciphered=bytes(24)), ENCRYPTED, 5, bytes(20)),
    GeneralCiphered(FIELDS, KeyInfo(2, parameters=b"\x01", ciphered=bytes(128)), ENCRYPTED, 5, bytes(20)),
    GeneralSigned(FIELDS, b"\x0f\x00", bytes(64)),
    Rlrq(),
    Rlrq(0, b"\x21\x00"),
    Rlrq(None),
    Rlre(),
    Rlre(1),
]


@pytest.mark.parametrize("apdu", ALL, ids=lambda apdu: type(apdu).__name__)
def test_round_trip(apdu):
    raw = apdu.encode()
    again = decode_apdu(raw)
    assert again == apdu or (isinstance(apdu, Aarq | Aare) and again.encode() == raw)
    assert again.encode() == raw


# Everything with a length or a count announces more than a cut leaves; these have an optional end.
MAY_END_EARLY = (ExceptionResponse, Rlrq, Rlre)


def apdu_or_none(raw):
    try:
        return decode_apdu(raw)
    except DecodeError:
        return None


@pytest.mark.parametrize("apdu", ALL, ids=lambda apdu: type(apdu).__name__)
def test_every_cut_is_refused_within_the_bytes(apdu):
    raw = apdu.encode()
    for size in range(len(raw)):
        if isinstance(apdu, MAY_END_EARLY) and apdu_or_none(raw[:size]) is not None:
            continue
        with pytest.raises(DecodeError) as caught:
            decode_apdu(raw[:size])
        assert caught.value.offset is not None
        assert caught.value.offset <= size


@pytest.mark.parametrize("apdu", ALL, ids=lambda apdu: type(apdu).__name__)
def test_a_trailing_byte_is_refused(apdu):
    with pytest.raises(DecodeError):
        decode_apdu(apdu.encode() + b"\x00")


@settings(max_examples=200)
@given(st.sampled_from(ALL), st.data())
def test_mutated_apdus_give_typed_errors_only(apdu, data):
    raw = bytearray(apdu.encode())
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    decoded = apdu_or_none(bytes(raw))
    assert decoded is None or decoded.encode()


@given(st.binary(max_size=100))
def test_any_bytes_give_typed_errors_only(raw):
    decoded = apdu_or_none(raw)
    assert decoded is None or decoded.encode()


@pytest.mark.parametrize(
    ("apdu", "raw"),
    [
        (GetRequestNormal(0xC1, CosemAttribute.of(1, "0.0.43.1.0.255", 2)), "c001c1000100002b0100ff0200"),
        (GetResponseNormal(0xC1, axdr.uint8(5)), "c401c1001105"),
        (GetResponseWithBlock(0xC1, False, 1, b"\xaa"), "c402c100000000010001aa"),
        (SetResponseNormal(0xC1, AccessResult.SUCCESS), "c501c100"),
        (ActionRequestNormal(0xC1, RECONNECT, axdr.int8(0)), "c301c10046000060030aff02010f00"),
        (ActionResponseNormal(0xC1, ActionResult.SUCCESS), "c701c10000"),
        (
            ExceptionResponse(StateError.SERVICE_NOT_ALLOWED, ServiceError.OPERATION_NOT_POSSIBLE),
            "d80101",
        ),
        (ConfirmedServiceError(1, 6, 1), "0e010601"),
        (Rlrq(), "6203800100"),
        (Rlre(), "6303800100"),
        (InitiateResponse(Conformance(0x501F), 500), "0800065f1f040000501f01f40007"),
    ],
)
def test_worked_bytes(apdu, raw):
    assert apdu.encode().hex() == raw


def test_aarq_and_aare_of_the_green_book():
    # LLS with the password 12345678; accepted.
    aarq = bytes.fromhex(
        "6036a1090607608574050801018a0207808b0760857405080201ac0a80083132333435363738"
        "be10040e01000000065f1f0400007e1f04b0"
    )
    decoded = decode_apdu(aarq)
    assert isinstance(decoded, Aarq)
    assert (decoded.mechanism, decoded.authentication_value) == (1, b"12345678")
    assert decoded.encode() == aarq
    aare = bytes.fromhex(
        "6129a109060760857405080101a203020100a305a103020100be10040e0800065f1f0400007c1f04000007"
    )
    decoded = decode_apdu(aare)
    assert isinstance(decoded, Aare)
    assert (decoded.result, decoded.diagnostic) == (0, 0)
    assert decoded.encode() == aare


def test_selective_access():
    for access in (RANGE, ENTRIES):
        assert access.selection().interpret() == access
    other = AccessSelection(3, axdr.null())
    assert other.interpret() is other
    for selector, parameters in (
        (1, axdr.null()),
        (2, axdr.structure(axdr.uint32(1))),
        (1, axdr.structure(axdr.null(), axdr.null(), axdr.null(), axdr.array())),
        (1, axdr.structure(axdr.structure(*[axdr.null()] * 4), axdr.null(), axdr.null(), axdr.array())),
    ):
        with pytest.raises(DecodeError):
            AccessSelection(selector, parameters).interpret()


def test_conformance_without_the_second_tag_byte():
    assert decode_apdu(bytes.fromhex("01000000065f0400007e1f04b0")) == InitiateRequest(
        Conformance(0x7E1F), 1200
    )


@pytest.mark.parametrize(
    ("raw", "offset"),
    [
        ("", 0),
        ("ff", 0),
        ("c005c1", 1),
        ("c401c10205", 3),
        ("c501c107", 3),  # no such result
        ("c001c1000800000100 00ff0202".replace(" ", ""), 12),  # presence flag 2
        ("db07aabbccddeeff1106300000000100", 1),  # title of 7 bytes
        ("c80430000000", 1),  # no room for the security header
        ("0f000000010500", 5),  # date-time of 5 bytes
        ("6003a10102", 2),  # a length beyond the AARQ... inside a component
    ],
)
def test_what_is_wrong_and_where(raw, offset):
    with pytest.raises(DecodeError) as caught:
        decode_apdu(bytes.fromhex(raw))
    assert caught.value.offset is not None
    assert abs(caught.value.offset - offset) <= 2


def test_an_apdu_beyond_the_limit():
    with pytest.raises(LimitExceededError):
        decode_apdu(bytes(100), limits=axdr.Limits(max_apdu=99))


@pytest.mark.parametrize("plain", sorted(GLOBAL_TAG_OF))
def test_every_service_has_its_ciphered_forms(plain):
    apdu = bytes((plain,)) + b"\x01\x02"
    sealed = GlobalCiphered.protect(KEYS, TITLE, 9, AUTHENTICATED_ENCRYPTED, apdu)
    assert sealed.tag == GLOBAL_TAG_OF[plain]
    read = decode_apdu(sealed.encode())
    assert isinstance(read, GlobalCiphered)
    assert read.open(KEYS, TITLE) == apdu
    dedicated = GlobalCiphered(DEDICATED_TAG_OF[plain], sealed.control, sealed.counter, sealed.payload)
    assert dedicated.dedicated
    assert dedicated.open(KEYS, TITLE) == apdu
    assert {sealed.tag, dedicated.tag} <= CIPHERED_TAGS


def test_ciphered_tags_of_the_standard():
    assert DEDICATED_TAG_OF[0xC0] == 0xD0
    assert DEDICATED_TAG_OF[0xC7] == 0xD7
    assert DEDICATED_TAG_OF[0x01] == 0x41


def test_another_service_inside_than_announced():
    sealed = GlobalCiphered.protect(KEYS, TITLE, 9, ENCRYPTED, b"\xc0\x01")
    swapped = GlobalCiphered(0xC9, sealed.control, sealed.counter, sealed.payload)
    with pytest.raises(DecodeError):
        swapped.open(KEYS, TITLE)
    with pytest.raises(LocalError):
        GlobalCiphered.protect(KEYS, TITLE, 9, ENCRYPTED, b"\x0f")


def test_general_glo():
    push = DataNotification(1, None, VALUE).encode()
    sealed = GeneralGloCiphered.protect(KEYS, TITLE, 9, AUTHENTICATED_ENCRYPTED, push)
    assert sealed.open(KEYS) == push
    anonymous = GeneralGloCiphered(b"", sealed.control, sealed.counter, sealed.ciphertext)
    assert anonymous.open(KEYS, TITLE) == push
    with pytest.raises(LocalError):
        anonymous.open(KEYS)
    with pytest.raises(AuthenticationError):
        sealed.open(SuiteKeys(bytes(16), bytes(16)))


@pytest.mark.parametrize("reason", [0, 30, 255, 644, 0x0102_0304])
def test_a_release_with_a_reason_of_any_length_is_written_back(reason):
    raw = Rlrq(reason).encode()
    assert decode_apdu(raw) == Rlrq(reason)
