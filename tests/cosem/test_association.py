"""Both ends of an association without a socket: every input in every state, every refusal."""

from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, strategies as st
from tests.cosem.fakewire import CLIENT_TITLE, KEYS, SERVER_TITLE, Wire, config, entropy

from urja.cosem import axdr, gbt
from urja.cosem.acse import AssociationResult, Diagnostic
from urja.cosem.apdu import (
    Aare,
    Aarq,
    AccessResult,
    ActionRequestNormal,
    ActionRequestWithList,
    ActionResponseBlock,
    ActionResponseNextBlock,
    ActionResponseNormal,
    ActionResult,
    Block,
    CaptureObject,
    Conformance,
    CosemAttribute,
    CosemMethod,
    DataNotification,
    EntryAccess,
    ExceptionResponse,
    GeneralDedCiphered,
    GeneralGloCiphered,
    GetRequestNext,
    GetRequestNormal,
    GetRequestWithList,
    GetResponseNormal,
    GetResponseWithBlock,
    GetResponseWithList,
    GlobalCiphered,
    InitiateRequest,
    RangeAccess,
    Rlre,
    Rlrq,
    ServiceError,
    SetRequestBlock,
    SetRequestFirstBlock,
    SetRequestNormal,
    SetResponseBlock,
    SetResponseNormal,
    StateError,
    decode_apdu,
)
from urja.cosem.association import (
    TRANSITIONS,
    ActionResult as ActionDone,
    Associated,
    AssociationConfig,
    ClientAssociation,
    Fault,
    GetListResult,
    GetRequested,
    GetResult,
    Input,
    Mechanism,
    Notified,
    Released,
    ServerAssociation,
    SetListResult,
    SetResult,
    State,
    next_state,
    state_diagram,
)
from urja.cosem.association_auth import SCHEMES, Proof
from urja.cosem.axdr import Limits
from urja.cosem.errors import (
    AssociationRejectedError,
    AuthenticationError,
    CosemError,
    DecodeError,
    LimitExceededError,
    LocalError,
    PeerError,
    ReplayError,
    ServiceRejectedError,
    UnexpectedApduError,
)
from urja.cosem.security import AUTHENTICATED, AUTHENTICATED_ENCRYPTED, ENCRYPTED, SuiteKeys

CLOCK = CosemAttribute.of(8, "0.0.1.0.0.255", 2)
PROFILE = CosemAttribute.of(7, "1.0.99.1.0.255", 2)
RECONNECT = CosemMethod.of(70, "0.0.96.3.10.255", 2)
MECHANISMS = (Mechanism.NONE, Mechanism.LLS, Mechanism.HLS_GMAC, Mechanism.HLS_SHA256)
OLDER = (Mechanism.HLS, Mechanism.HLS_MD5, Mechanism.HLS_SHA1)
EVERY_KIND = [(mechanism, ciphered) for mechanism in MECHANISMS for ciphered in (False, True)]
VALUE = axdr.uint32(4059)


def associated(*kind, **changes):
    wire = Wire.of(*kind, **changes)
    assert isinstance(wire.say(wire.client.associate())[0], Associated)
    return wire


def counters_of(wire, who):
    """Return the invocation counters in the order in which they passed."""
    found = []
    for sender, raw in wire.log:
        apdu = decode_apdu(raw)
        if isinstance(apdu, Aarq | Aare | Rlrq | Rlre):
            if not apdu.user_information:
                continue
            apdu = decode_apdu(apdu.user_information)
        if sender == who and isinstance(apdu, GlobalCiphered | GeneralGloCiphered):
            found.append(apdu.counter)
    return found


# --- older mechanisms -----------------------------------------------------------------------------------


@pytest.mark.parametrize("mechanism", OLDER)
@pytest.mark.parametrize("ciphered", [False, True])
def test_older_mechanisms_authenticate_both_ends(mechanism, ciphered):
    wire = associated(mechanism, ciphered)
    assert (wire.client.state, wire.server.state) == (State.READY, State.READY)


@pytest.mark.parametrize("mechanism", OLDER)
def test_older_mechanisms_refuse_another_secret(mechanism):
    wire = Wire(config(CLIENT_TITLE, mechanism, secret=b"another"), config(SERVER_TITLE, mechanism))
    with pytest.raises(AuthenticationError):
        wire.say(wire.client.associate())
    assert (wire.client.state, wire.server.state) == (State.IDLE, State.IDLE)


@pytest.mark.parametrize("mechanism", OLDER)
def test_a_server_that_gives_our_own_challenge_back_learns_no_answer_to_it(mechanism):
    """Where the answer names no end, a stranger could return it as the proof that it owes us."""
    wire = Wire.of(mechanism, False)
    ours = decode_apdu(wire.client.associate()).authentication_value
    wire = Wire.of(mechanism, False)
    wire.server._entropy = lambda _size: ours
    with pytest.raises(AuthenticationError, match="our own challenge"):
        wire.say(wire.client.associate())


@pytest.mark.parametrize(
    ("mechanism", "challenge", "secret", "answer"),
    [
        # FIPS 197, appendix C.1; RFC 1321, appendix A.5; FIPS 180, example 1.
        (
            Mechanism.HLS,
            bytes.fromhex("00112233445566778899aabbccddeeff"),
            bytes(range(16)),
            "69c4e0d86a7b0430d8cdb78070b4c55a",
        ),
        (Mechanism.HLS_MD5, b"ab", b"c", "900150983cd24fb0d6963f7d28e17f72"),
        (Mechanism.HLS_SHA1, b"ab", b"c", "a9993e364706816aba3e25717850c26c9cd0d89d"),
    ],
)
def test_worked_answers(mechanism, challenge, secret, answer):
    proof = Proof(challenge, b"", b"", b"", secret, None)
    assert SCHEMES[mechanism].prove(proof, 0).hex() == answer


# --- the table ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("passed", Input)
def test_every_input_in_every_state(state, passed):
    expected = TRANSITIONS.get((state, passed))
    if expected is not None:
        assert next_state(state, passed, ours=True) is expected
        assert next_state(state, passed, ours=False) is expected
        return
    with pytest.raises(LocalError):
        next_state(state, passed, ours=True)
    with pytest.raises(UnexpectedApduError):
        next_state(state, passed, ours=False)


def test_every_state_is_reached_and_left_and_a_lost_connection_is_possible_in_each():
    assert {state for state, _ in TRANSITIONS} == set(State) == set(TRANSITIONS.values())
    for state in State:
        assert TRANSITIONS[state, Input.LOST] is State.IDLE


def test_the_document_shows_this_table():
    page = (Path(__file__).parents[2] / "docs" / "cosem.md").read_text()
    assert f"```mermaid\n{state_diagram()}\n```" in page


# --- the way through ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("mechanism", "ciphered"), EVERY_KIND)
@pytest.mark.parametrize("general_protection", [False, True])
def test_a_whole_conversation(mechanism, ciphered, general_protection):
    wire = Wire.of(mechanism, ciphered, general_protection=general_protection, max_pdu=256)
    (opened,) = wire.say(wire.client.associate())
    assert isinstance(opened, Associated)
    assert opened.peer_system_title == SERVER_TITLE
    assert wire.client.conformance == wire.server.conformance

    wire.objects[CLOCK] = VALUE
    (read,) = wire.say(wire.client.get(CLOCK))
    assert read.data == VALUE
    (missing,) = wire.say(wire.client.get(PROFILE, EntryAccess(1, 2)))
    with pytest.raises(ServiceRejectedError) as caught:
        _ = missing.data
    assert caught.value.result is AccessResult.OBJECT_UNDEFINED

    long = axdr.octets(bytes(range(256)) * 8)
    assert wire.say(wire.client.set(PROFILE, long)) == [SetResult(read.invoke + 2, AccessResult.SUCCESS)]
    (read,) = wire.say(wire.client.get(PROFILE))
    assert read.data == long
    (listed,) = wire.say(wire.client.get_list([(CLOCK, None), (PROFILE, None)]))
    assert isinstance(listed, GetListResult)
    assert listed.results == (VALUE, long)
    (written,) = wire.say(wire.client.set_list([(CLOCK, None), (PROFILE, None)], [long, VALUE]))
    assert isinstance(written, SetListResult)
    assert written.results == (AccessResult.SUCCESS, AccessResult.SUCCESS)
    (done,) = wire.say(wire.client.action(RECONNECT, long))
    assert isinstance(done, ActionDone)
    assert done.data == long
    (done,) = wire.say(wire.client.action(RECONNECT))
    assert done.result is ActionResult.SUCCESS
    with pytest.raises(ServiceRejectedError):
        _ = done.data

    assert wire.say(wire.client.release()) == [Released()]
    assert wire.client.state is wire.server.state is State.IDLE
    assert all(len(raw) <= 256 for _, raw in wire.log)
    for who in ("client", "server"):
        counters = counters_of(wire, who)
        assert bool(counters) == ciphered
        assert all(before < after for before, after in pairwise(counters))


@pytest.mark.parametrize(("mechanism", "ciphered"), EVERY_KIND)
def test_a_second_association_goes_on_counting(mechanism, ciphered):
    wire = associated(mechanism, ciphered)
    wire.say(wire.client.release())
    (opened,) = wire.say(wire.client.associate())
    assert isinstance(opened, Associated)
    wire.client.lost()
    wire.server.lost()
    assert isinstance(wire.say(wire.client.associate())[0], Associated)


@pytest.mark.parametrize("control", [AUTHENTICATED, ENCRYPTED, AUTHENTICATED_ENCRYPTED])
def test_each_protection(control):
    wire = associated(Mechanism.HLS_GMAC, True, control=control)
    wire.objects[CLOCK] = VALUE
    (read,) = wire.say(wire.client.get(CLOCK))
    assert read.data == VALUE


def test_nothing_of_the_services_is_readable_when_ciphered():
    wire = associated(Mechanism.LLS, True)
    wire.objects[CLOCK] = axdr.octets(b"readable?")
    wire.say(wire.client.get(CLOCK))
    assert not any(b"readable?" in raw or bytes(CLOCK.obis) in raw for _, raw in wire.log)


@given(st.integers(1, 3000), st.integers(64, 400), st.sampled_from(EVERY_KIND))
def test_blocks_of_any_size(size, max_pdu, kind):
    wire = associated(*kind, max_pdu=max_pdu)
    wire.objects[PROFILE] = axdr.octets(bytes(size))
    (read,) = wire.say(wire.client.get(PROFILE))
    assert read.data == wire.objects[PROFILE]


def test_selective_access_reaches_the_server_as_sent():
    wire = associated()
    access = RangeAccess(CaptureObject(CLOCK), axdr.octets(bytes(12)), axdr.octets(bytes(12)))
    wire.say(wire.client.get(PROFILE, access))
    request = next(event for event in wire.heard if isinstance(event, GetRequested))
    assert (request.attribute, request.access) == (PROFILE, access.selection())
    assert request.access.interpret() == access


def test_conformance_is_what_both_offer():
    client = config(CLIENT_TITLE, conformance=Conformance.GET | Conformance.SET)
    server = config(SERVER_TITLE, conformance=Conformance.GET | Conformance.ACTION, max_pdu=999)
    wire = Wire(client, server)
    (opened,) = wire.say(wire.client.associate())
    assert (opened.conformance, opened.max_pdu) == (Conformance.GET, 999)


def test_too_long_and_no_blocks_negotiated():
    services = Conformance.GET | Conformance.SET | Conformance.ACTION | Conformance.MULTIPLE_REFERENCES
    wire = associated(max_pdu=64, conformance=services)
    wire.objects[CLOCK] = long = axdr.octets(bytes(100))
    (read,) = wire.say(wire.client.get(CLOCK))
    assert read.result is AccessResult.OTHER_REASON
    (listed,) = wire.say(wire.client.get_list([(CLOCK, None)] * 2))
    assert listed.results == (AccessResult.OTHER_REASON,) * 2
    with pytest.raises(LocalError):
        wire.client.set(CLOCK, long)
    with pytest.raises(LocalError):
        wire.client.get_list([(CLOCK, None)] * 9)
    assert wire.client.state is State.READY


@pytest.mark.parametrize("general", [False, True])
def test_the_server_answers_in_the_form_of_the_request(general):
    wire = Wire(
        config(CLIENT_TITLE, Mechanism.HLS_GMAC, True, general_protection=general),
        config(SERVER_TITLE, Mechanism.HLS_GMAC, True, general_protection=not general),
    )
    wire.say(wire.client.associate())
    wire.say(wire.client.get(CLOCK))
    forms = {type(decode_apdu(raw)) for _, raw in wire.log[2:]}
    assert forms == {GeneralGloCiphered if general else GlobalCiphered}


def test_notifications_pass_in_any_state():
    push = DataNotification(1, None, VALUE)
    wire = Wire.of()
    assert wire.client.receive(push.encode()) == [Notified(push)]
    wire.say(wire.client.associate())
    assert wire.client.receive(push.encode()) == [Notified(push)]


def test_an_answer_in_general_blocks():
    wire = associated(Mechanism.LLS, True)
    (request,) = wire.server.receive(wire.client.get(CLOCK))
    answer = wire.server.respond_get(request.ref, axdr.octets(bytes(100)))
    events = [event for block in gbt.split(answer, 30) for event in wire.client.receive(block.encode())]
    assert isinstance(events[0], GetResult)
    assert events[0].data.value == bytes(100)


# --- refusals -------------------------------------------------------------------------------------------


def refused(client_config, server_config, **sides):
    wire = Wire(client_config, server_config, **sides)
    with pytest.raises(AssociationRejectedError) as caught:
        wire.say(wire.client.associate())
    assert wire.client.state is wire.server.state is State.IDLE
    assert any(isinstance(event, Fault) for event in wire.heard)
    return caught.value


@pytest.mark.parametrize(
    ("client", "server", "diagnostic"),
    [
        ({"ciphered": True}, {}, Diagnostic.CONTEXT_NAME_NOT_SUPPORTED),
        ({}, {"mechanism": Mechanism.LLS}, Diagnostic.MECHANISM_NAME_REQUIRED),
        (
            {"mechanism": Mechanism.LLS},
            {"mechanism": Mechanism.HLS_GMAC},
            Diagnostic.MECHANISM_NAME_NOT_RECOGNIZED,
        ),
        (
            {"mechanism": Mechanism.LLS, "secret": b"wrong"},
            {"mechanism": Mechanism.LLS},
            Diagnostic.AUTHENTICATION_FAILURE,
        ),
        (
            {"mechanism": Mechanism.LLS, "ciphered": True, "keys": SuiteKeys(bytes(16), bytes(16))},
            {"mechanism": Mechanism.LLS, "ciphered": True},
            Diagnostic.AUTHENTICATION_FAILURE,
        ),
        (
            {"ciphered": True, "control": ENCRYPTED},
            {"ciphered": True, "control": AUTHENTICATED_ENCRYPTED},
            Diagnostic.AUTHENTICATION_FAILURE,
        ),
        (
            {"mechanism": Mechanism.HLS_SHA256, "system_title": None, "keys": None},
            {"mechanism": Mechanism.HLS_GMAC},
            Diagnostic.MECHANISM_NAME_NOT_RECOGNIZED,
        ),
        ({"conformance": Conformance.SET}, {"conformance": Conformance.GET}, Diagnostic.NO_REASON_GIVEN),
    ],
)
def test_refused_with_its_diagnostic(client, server, diagnostic):
    error = refused(config(CLIENT_TITLE, **client), config(SERVER_TITLE, **server))
    assert (error.result, error.diagnostic) == (1, diagnostic)


def test_a_replayed_aarq_is_refused():
    wire = associated(Mechanism.LLS, True)
    aarq = wire.log[0][1]
    wire.server.lost()
    fault, reply = wire.server.receive(aarq)
    assert isinstance(fault.error, ReplayError)
    assert decode_apdu(reply.apdu).result == 1


def test_initiate_refusals_name_the_initiate_error():
    for request in (InitiateRequest(Conformance.GET, 500, version=5), InitiateRequest(Conformance.GET, 20)):
        server = ServerAssociation(config(SERVER_TITLE))
        fault, reply = server.receive(Aarq(1, request.encode()).encode())
        assert isinstance(fault.error, PeerError)
        client = ClientAssociation(config(CLIENT_TITLE))
        client.associate()
        with pytest.raises(AssociationRejectedError, match="initiate error 6"):
            client.receive(reply.apdu)


@pytest.mark.parametrize(
    ("aarq", "diagnostic"),
    [
        ("600b a109060760857405090101", Diagnostic.CONTEXT_NAME_NOT_SUPPORTED),
        ("6014 a109060760857405080101 8b0760857405090201", Diagnostic.MECHANISM_NAME_NOT_RECOGNIZED),
        ("6000", Diagnostic.NO_REASON_GIVEN),
        ("60ff a109060760857405080101", Diagnostic.NO_REASON_GIVEN),
    ],
)
def test_an_aarq_that_cannot_be_read_is_refused_by_an_aare(aarq, diagnostic):
    fault, reply = Wire.of().server.receive(bytes.fromhex(aarq))
    assert isinstance(fault, Fault)
    aare = decode_apdu(reply.apdu)
    assert (aare.result, aare.diagnostic) == (AssociationResult.REJECTED_PERMANENT, diagnostic)


def test_a_service_that_is_not_served_is_called_so():
    methods = (RECONNECT, RECONNECT)
    request = ActionRequestWithList(0xC1, methods, (axdr.int8(0), axdr.int8(0)))
    fault, reply = associated().server.receive(request.encode())
    assert str(fault.error) == "a ActionRequestWithList is not served here"
    unsupported = ExceptionResponse(StateError.SERVICE_UNKNOWN, ServiceError.SERVICE_NOT_SUPPORTED)
    assert decode_apdu(reply.apdu) == unsupported


def test_gmac_with_the_wrong_key_is_refused_by_the_server():
    wire = Wire(
        config(CLIENT_TITLE, Mechanism.HLS_GMAC, keys=SuiteKeys(bytes(16), bytes(16))),
        config(SERVER_TITLE, Mechanism.HLS_GMAC),
    )
    with pytest.raises(AuthenticationError):
        wire.say(wire.client.associate())
    assert wire.client.state is wire.server.state is State.IDLE
    assert not any(isinstance(event, Associated) for event in wire.heard)


def test_a_server_that_proves_the_wrong_thing_is_refused_by_the_client():
    wire = Wire.of(Mechanism.HLS_GMAC)
    (challenge,) = wire.server.receive(wire.client.associate())
    (pass3,) = wire.client.receive(challenge.apdu)
    (pass4, _) = wire.server.receive(pass3.apdu)
    answer = decode_apdu(pass4.apdu)
    forged = ActionResponseNormal(answer.invoke, answer.result, axdr.octets(bytes(17)))
    with pytest.raises(AuthenticationError):
        wire.client.receive(forged.encode())
    assert wire.client.state is State.IDLE


@pytest.mark.parametrize(
    "returned",
    [None, axdr.null(), AccessResult.OTHER_REASON],
)
def test_a_server_that_proves_nothing_is_refused_by_the_client(returned):
    wire = Wire.of(Mechanism.HLS_GMAC)
    (challenge,) = wire.server.receive(wire.client.associate())
    wire.client.receive(challenge.apdu)
    with pytest.raises(AuthenticationError):
        wire.client.receive(ActionResponseNormal(0xC1, ActionResult.SUCCESS, returned).encode())
    assert wire.client.state is State.IDLE


def test_a_server_that_gives_no_challenge_is_refused():
    wire = Wire.of(Mechanism.HLS_GMAC)
    plain = Wire.of()
    (accepted, _) = plain.server.receive(plain.client.associate())
    wire.client.associate()
    with pytest.raises(AuthenticationError):
        wire.client.receive(accepted.apdu)


def test_our_own_title_reflected_is_refused():
    wire = Wire(config(CLIENT_TITLE, Mechanism.LLS, True), config(CLIENT_TITLE, Mechanism.LLS, True))
    with pytest.raises(AuthenticationError):
        wire.say(wire.client.associate())


def test_no_request_before_the_proof():
    wire = Wire.of(Mechanism.HLS_GMAC)
    wire.server.receive(wire.client.associate())
    fault, reply = wire.server.receive(GetRequestNormal(0xC1, CLOCK).encode())
    assert isinstance(fault.error, UnexpectedApduError)
    assert decode_apdu(reply.apdu) == ExceptionResponse(
        StateError.SERVICE_NOT_ALLOWED, ServiceError.OPERATION_NOT_POSSIBLE
    )
    assert wire.server.state is State.AUTHENTICATING


# --- counters and protection ----------------------------------------------------------------------------


def test_a_replayed_request_is_refused_and_the_expected_counter_told():
    wire = associated(Mechanism.HLS_GMAC, True)
    request = wire.client.get(CLOCK)
    wire.say(request)
    expected = wire.server.peer_counter + 1
    fault, reply = wire.server.receive(request)
    assert isinstance(fault.error, ReplayError)
    assert (fault.error.counter, fault.error.expected) == (expected - 1, expected)
    assert decode_apdu(reply.apdu) == ExceptionResponse(
        StateError.SERVICE_NOT_ALLOWED, ServiceError.INVOCATION_COUNTER_ERROR, expected
    )
    assert wire.server.state is State.READY


def test_a_replayed_response_is_refused():
    wire = associated(Mechanism.LLS, True)
    wire.objects[CLOCK] = VALUE
    wire.say(wire.client.get(CLOCK))
    old = wire.log[-1][1]
    wire.client.get(CLOCK)
    with pytest.raises(ReplayError):
        wire.client.receive(old)
    assert wire.client.state is State.AWAITING


def test_a_replayed_proof_is_refused():
    """The same challenge twice with a recorded answer: the counter reveals it."""
    wire = Wire.of(Mechanism.HLS_GMAC)
    same = ServerAssociation(config(SERVER_TITLE, Mechanism.HLS_GMAC), entropy=bytes)
    aarq = wire.client.associate()
    (challenge,) = same.receive(aarq)
    (pass3,) = wire.client.receive(challenge.apdu)
    assert isinstance(same.receive(pass3.apdu)[-1], Associated)
    same.lost()
    same.receive(aarq)
    fault, reply = same.receive(pass3.apdu)
    assert isinstance(fault.error, ReplayError)
    assert decode_apdu(reply.apdu).result is ActionResult.READ_WRITE_DENIED
    assert same.state is State.IDLE


def test_persisted_counters_are_honoured():
    client = config(CLIENT_TITLE, Mechanism.LLS, True)
    server = config(SERVER_TITLE, Mechanism.LLS, True)
    wire = Wire(client, server, client={"invocation_counter": 500}, server={"peer_counter": 499})
    assert isinstance(wire.say(wire.client.associate())[0], Associated)
    refused(client, server, client={"invocation_counter": 500}, server={"peer_counter": 500})


def test_reserved_counters_run_out_and_are_extended():
    wire = Wire.of(Mechanism.LLS, True)
    wire.client.invocation_limit = 2
    wire.say(wire.client.associate())
    wire.say(wire.client.get(CLOCK))
    with pytest.raises(LocalError):
        wire.client.get(CLOCK)
    assert wire.client.state is State.READY
    wire.client.invocation_limit = 10
    assert wire.say(wire.client.get(CLOCK))
    wire.client.invocation_counter = wire.client.invocation_limit = 1 << 32
    with pytest.raises(LocalError):
        wire.client.release()


def test_plain_services_in_a_ciphered_association_are_refused_by_both():
    wire = associated(Mechanism.LLS, True)
    fault, reply = wire.server.receive(GetRequestNormal(0xC1, CLOCK).encode())
    assert isinstance(fault.error, AuthenticationError)
    assert decode_apdu(reply.apdu).service_error is ServiceError.DECIPHERING_ERROR
    wire.client.get(CLOCK)
    with pytest.raises(AuthenticationError):
        wire.client.receive(GetResponseNormal(0xC1, VALUE).encode())
    with pytest.raises(AuthenticationError):
        wire.client.receive(DataNotification(1, None, VALUE).encode())


def test_ciphered_services_in_a_plain_association_are_refused():
    wire = associated()
    sealed = GlobalCiphered.protect(
        KEYS, CLIENT_TITLE, 1, AUTHENTICATED_ENCRYPTED, GetRequestNormal(0xC1, CLOCK).encode()
    )
    fault, _ = wire.server.receive(sealed.encode())
    assert isinstance(fault.error, UnexpectedApduError)


@pytest.mark.parametrize("control", [AUTHENTICATED, ENCRYPTED])
def test_weaker_protection_than_agreed_is_refused(control):
    wire = associated(Mechanism.LLS, True)
    request = GetRequestNormal(0xC1, CLOCK).encode()
    sealed = GlobalCiphered.protect(KEYS, CLIENT_TITLE, 1000, control, request)
    fault, _ = wire.server.receive(sealed.encode())
    assert isinstance(fault.error, AuthenticationError)
    assert wire.server.peer_counter < 1000


def test_another_title_or_a_dedicated_key_is_refused():
    wire = associated(Mechanism.LLS, True)
    request = GetRequestNormal(0xC1, CLOCK).encode()
    other = GeneralGloCiphered.protect(KEYS, b"OTHER001", 1000, AUTHENTICATED_ENCRYPTED, request)
    assert isinstance(wire.server.receive(other.encode())[0].error, AuthenticationError)
    ours = GlobalCiphered.protect(KEYS, CLIENT_TITLE, 1001, AUTHENTICATED_ENCRYPTED, request)
    dedicated = GlobalCiphered(0xD0, ours.control, ours.counter, ours.payload)
    assert isinstance(wire.server.receive(dedicated.encode())[0].error, UnexpectedApduError)
    assert isinstance(wire.server.receive(ours.encode())[0], GetRequested)


DEDICATED = SuiteKeys(bytes(range(32, 48)), KEYS.gak)


def with_dedicated_key(mechanism=Mechanism.LLS):
    """Return a wire whose client proposes a dedicated key, as clients of the standard may."""
    wire = Wire.of(mechanism, True)
    client = wire.client
    client._initiate = lambda: InitiateRequest(client.config.conformance, 1024, DEDICATED.guek)
    wire.objects[CLOCK] = VALUE
    return wire


@pytest.mark.parametrize("general", [False, True])
def test_a_dedicated_key_protects_requests_and_answers(general):
    wire = with_dedicated_key()
    wire.say(wire.client.associate())
    request = GetRequestNormal(0xC1, CLOCK).encode()
    for counter in (0, 1):  # a counter of its own, from the beginning
        if general:
            sealed = GeneralDedCiphered.protect(
                DEDICATED, CLIENT_TITLE, counter, AUTHENTICATED_ENCRYPTED, request
            )
        else:
            sealed = GlobalCiphered.protect(
                DEDICATED, CLIENT_TITLE, counter, AUTHENTICATED_ENCRYPTED, request, dedicated=True
            )
        [asked] = wire.server.receive(sealed.encode())
        answer = decode_apdu(wire.server.respond_get(asked.ref, VALUE))
        assert type(answer) is type(sealed)
        assert decode_apdu(answer.open(DEDICATED, SERVER_TITLE)).result == VALUE
    assert isinstance(wire.server.receive(sealed.encode())[0].error, ReplayError)
    assert wire.say(wire.client.get(CLOCK))[0].data == VALUE  # under the global key too, and so answered


def test_a_dedicated_key_ends_with_its_association_and_must_have_its_length():
    wire = with_dedicated_key()
    wire.say(wire.client.associate())
    wire.say(wire.client.release())
    client = wire.client
    client._initiate = lambda: InitiateRequest(client.config.conformance, 1024)
    wire.say(client.associate())
    request = GetRequestNormal(0xC1, CLOCK).encode()
    sealed = GlobalCiphered.protect(
        DEDICATED, CLIENT_TITLE, 9, AUTHENTICATED_ENCRYPTED, request, dedicated=True
    )
    assert isinstance(wire.server.receive(sealed.encode())[0].error, UnexpectedApduError)
    short = Wire.of(Mechanism.LLS, True)
    short.client._initiate = lambda: InitiateRequest(client.config.conformance, 1024, b"short")
    with pytest.raises(AssociationRejectedError):
        short.say(short.client.associate())


@pytest.mark.parametrize(("mechanism", "ciphered"), [(Mechanism.NONE, False), (Mechanism.HLS_GMAC, True)])
def test_a_client_that_gave_up_without_a_release_begins_again(mechanism, ciphered):
    wire = Wire.of(mechanism, ciphered)
    wire.objects[CLOCK] = VALUE
    for _ in range(2):
        assert isinstance(wire.say(wire.client.associate())[-1], Associated)
        assert wire.say(wire.client.get(CLOCK))[0].data == VALUE
        wire.client.lost()


def test_a_forged_counter_does_not_move_the_window():
    wire = associated(Mechanism.LLS, True)
    before = wire.server.peer_counter
    forged = GlobalCiphered(0xC8, AUTHENTICATED_ENCRYPTED, 0xFFFF_FFFF, bytes(40))
    assert isinstance(wire.server.receive(forged.encode())[0].error, AuthenticationError)
    assert wire.server.peer_counter == before
    wire.objects[CLOCK] = VALUE
    assert wire.say(wire.client.get(CLOCK))[0].data == VALUE


# --- every APDU in every state, both roles --------------------------------------------------------------

INVOKE = 0xC1
REQUESTS = [
    GetRequestNormal(INVOKE, CLOCK),
    GetRequestNext(INVOKE, 1),
    GetRequestWithList(INVOKE, ((CLOCK, None),)),
    SetRequestNormal(INVOKE, CLOCK, VALUE),
    SetRequestFirstBlock(INVOKE, CLOCK, Block(False, 1, b"\x11")),
    SetRequestBlock(INVOKE, Block(True, 2, b"\x01")),
    ActionRequestNormal(INVOKE, RECONNECT),
    Aarq(1, InitiateRequest(Conformance.GET, 500).encode()),
    Rlrq(),
]
RESPONSES = [
    GetResponseNormal(INVOKE, VALUE),
    GetResponseWithBlock(INVOKE, False, 1, b"\x11"),
    GetResponseWithBlock(INVOKE, True, 1, b"\x11"),
    GetResponseWithList(INVOKE, (VALUE,)),
    SetResponseNormal(INVOKE, AccessResult.SUCCESS),
    SetResponseBlock(INVOKE, 1),
    ActionResponseNormal(INVOKE, ActionResult.SUCCESS),
    ActionResponseBlock(INVOKE, Block(False, 1, b"\x00")),
    ActionResponseNextBlock(INVOKE, 1),
    Aare(1, 0, 0, b""),
    Rlre(),
    ExceptionResponse(StateError.SERVICE_NOT_ALLOWED, ServiceError.OTHER_REASON),
]


def wire_in(state, mechanism=Mechanism.NONE):
    """Return both ends in a state that a conversation has brought them to."""
    wire = Wire.of(Mechanism.HLS_GMAC if state is State.AUTHENTICATING else mechanism, max_pdu=64)
    client, server = wire.client, wire.server
    if state is State.IDLE:
        return wire
    aarq = client.associate()
    if state is State.ASSOCIATING:
        return wire
    if state is State.AUTHENTICATING:
        (challenge,) = server.receive(aarq)
        client.receive(challenge.apdu)
        return wire
    wire.say(aarq)
    if state in (State.AWAITING, State.TRANSFERRING):
        (request,) = server.receive(client.get(CLOCK))
        if state is State.TRANSFERRING:
            client.receive(server.respond_get(request.ref, axdr.octets(bytes(1000))))
    if state is State.RELEASING:
        client.release()
    return wire


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("apdu", REQUESTS + RESPONSES, ids=lambda apdu: type(apdu).__name__)
def test_every_apdu_in_every_state_of_the_server(state, apdu):
    server = wire_in(state).server
    before = server.state
    events = server.receive(apdu.encode())
    assert server.state is before or reaches(before, server.state)
    answer = type(apdu) in {type(response) for response in RESPONSES}
    if answer:
        assert [type(event) for event in events] == [Fault]
        assert server.state is before
    else:
        assert events


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("apdu", REQUESTS + RESPONSES, ids=lambda apdu: type(apdu).__name__)
def test_every_apdu_in_every_state_of_the_client(state, apdu):
    client = wire_in(state).client
    before = client.state
    with suppress(PeerError):
        client.receive(apdu.encode())
    assert client.state is before or reaches(before, client.state)
    if type(apdu) in {type(request) for request in REQUESTS}:
        # A request is no answer; only to a client that waits for a proof it is a wrong one.
        assert client.state is before or before is State.AUTHENTICATING


def reaches(start, end):
    """Whether the table leads from one state to the other by one or two inputs (AARQ and AARE at once)."""
    first = {following for (state, _), following in TRANSITIONS.items() if state is start}
    return end in first or any(reaches_at_once(middle, end) for middle in first)


def reaches_at_once(start, end):
    return any(state is start and following is end for (state, _), following in TRANSITIONS.items())


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize(
    ("call", "passed"),
    [
        (ClientAssociation.associate, Input.ASSOCIATE),
        (lambda client: client.get(CLOCK), Input.REQUEST),
        (lambda client: client.get_list([(CLOCK, None)]), Input.REQUEST),
        (lambda client: client.set(CLOCK, VALUE), Input.REQUEST),
        (lambda client: client.set_list([(CLOCK, None)], [VALUE]), Input.REQUEST),
        (lambda client: client.action(RECONNECT), Input.REQUEST),
        (ClientAssociation.release, Input.RELEASE),
        (ClientAssociation.lost, Input.LOST),
    ],
)
def test_every_call_in_every_state_of_the_client(state, call, passed):
    client = wire_in(state).client
    expected = TRANSITIONS.get((client.state, passed))
    before = client.state
    if expected is None:
        with pytest.raises(LocalError):
            call(client)
        assert client.state is before
    else:
        call(client)
        assert client.state is expected


# --- long transfers gone wrong --------------------------------------------------------------------------


def test_a_block_out_of_turn_ends_a_long_get():
    wire = wire_in(State.TRANSFERRING)
    (reply,) = wire.server.receive(GetRequestNext(INVOKE, 5).encode())
    assert decode_apdu(reply.apdu).result is AccessResult.DATA_BLOCK_NUMBER_INVALID
    assert wire.server.state is State.READY
    (reply,) = wire.server.receive(GetRequestNext(INVOKE, 1).encode())
    assert decode_apdu(reply.apdu).result is AccessResult.NO_LONG_GET_IN_PROGRESS
    (event,) = wire.client.receive(reply.apdu)
    assert event.result is AccessResult.NO_LONG_GET_IN_PROGRESS
    assert wire.client.state is State.READY


def test_a_new_request_gives_up_a_long_get():
    wire = wire_in(State.TRANSFERRING)
    wire.objects[CLOCK] = VALUE
    assert wire.say(wire.client.get(CLOCK))[0].data == VALUE


def test_a_repeated_block_is_not_taken_twice():
    wire = wire_in(State.TRANSFERRING)
    first = GetResponseWithBlock(INVOKE, False, 1, b"\x09")
    with pytest.raises(UnexpectedApduError):
        wire.client.receive(first.encode())


def test_a_long_get_is_bounded():
    wire = associated(limits=Limits(max_apdu=1000), max_pdu=500)
    wire.client.get(CLOCK)
    for number in (1, 2):
        wire.client.receive(GetResponseWithBlock(INVOKE, False, number, bytes(400)).encode())
    with pytest.raises(LimitExceededError):
        wire.client.receive(GetResponseWithBlock(INVOKE, False, 3, bytes(400)).encode())


def test_a_long_get_whose_bytes_are_no_data():
    wire = associated()
    wire.client.get(CLOCK)
    with pytest.raises(DecodeError):
        wire.client.receive(GetResponseWithBlock(INVOKE, True, 1, b"\x07").encode())


def test_a_long_set_gone_wrong_is_given_up():
    server = associated().server
    first = SetRequestFirstBlock(INVOKE, CLOCK, Block(False, 1, b"\x09\x05"))
    (taken,) = server.receive(first.encode())
    assert decode_apdu(taken.apdu) == SetResponseBlock(INVOKE, 1)
    fault, _ = server.receive(SetRequestBlock(INVOKE, Block(True, 3, b"")).encode())
    assert isinstance(fault.error, UnexpectedApduError)
    assert server.state is State.READY
    fault, _ = server.receive(SetRequestBlock(INVOKE, Block(True, 2, b"")).encode())
    assert isinstance(fault.error, UnexpectedApduError)
    server.receive(first.encode())
    fault, _ = server.receive(SetRequestBlock(INVOKE, Block(True, 2, b"\x07")).encode())
    assert isinstance(fault.error, DecodeError)
    assert server.state is State.READY


def test_a_long_set_takes_no_block_after_its_last():
    server = associated().server
    server.receive(SetRequestFirstBlock(INVOKE, CLOCK, Block(False, 1, b"\x11")).encode())
    (request,) = server.receive(SetRequestBlock(INVOKE, Block(True, 2, b"\x05")).encode())
    fault, _ = server.receive(SetRequestBlock(INVOKE, Block(True, 3, b"\x05")).encode())
    assert isinstance(fault.error, UnexpectedApduError)
    answer = decode_apdu(server.respond_set(request.ref, AccessResult.SUCCESS))
    assert answer.block_number == 2


def test_a_stale_or_foreign_reference_is_our_fault():
    wire = associated()
    (request,) = wire.server.receive(wire.client.get(CLOCK))
    with pytest.raises(LocalError):
        wire.server.respond_set(request.ref, AccessResult.SUCCESS)
    wire.client.receive(wire.server.respond_get(request.ref, VALUE))
    with pytest.raises(LocalError):
        wire.server.respond_get(request.ref, VALUE)
    wire.server.receive(wire.client.get(CLOCK))
    with pytest.raises(LocalError):
        wire.server.respond_get(request.ref, VALUE)


def test_an_answer_to_another_request_is_refused():
    wire = associated()
    wire.client.get(CLOCK)
    with pytest.raises(UnexpectedApduError):
        wire.client.receive(GetResponseNormal(0xC9, VALUE).encode())
    with pytest.raises(UnexpectedApduError):
        wire.client.receive(SetResponseNormal(INVOKE, AccessResult.SUCCESS).encode())


def test_an_exception_ends_the_request():
    wire = associated()
    wire.client.get(CLOCK)
    with pytest.raises(ServiceRejectedError):
        wire.client.receive(ExceptionResponse(StateError.SERVICE_UNKNOWN, ServiceError.OTHER_REASON).encode())
    assert wire.client.state is State.READY


# --- anything at all ------------------------------------------------------------------------------------


@given(st.binary(max_size=80), st.sampled_from(State), st.booleans())
def test_any_bytes_in_any_state(raw, state, as_client):
    wire = wire_in(state)
    if as_client:
        try:
            wire.client.receive(raw)
        except PeerError:
            return
    else:
        assert all(
            isinstance(event.error, PeerError)
            for event in wire.server.receive(raw)
            if isinstance(event, Fault)
        )


@given(st.data(), st.sampled_from(EVERY_KIND))
def test_a_conversation_with_flipped_bits_raises_typed_errors_only(data, kind):
    wire = Wire.of(*kind, max_pdu=128)
    wire.objects[CLOCK] = axdr.octets(bytes(200))
    steps = [
        wire.client.associate,
        lambda: wire.client.get(CLOCK),
        lambda: wire.client.set(CLOCK, axdr.octets(bytes(300))),
        wire.client.release,
    ]
    try:
        for step in steps:
            raw = bytearray(step())
            raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.sampled_from([0, 0, 1, 0x80]))
            wire.say(bytes(raw))
    except CosemError:
        return


# --- configuration --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "parts",
    [
        {"ciphered": True},
        {"ciphered": True, "keys": KEYS},
        {"ciphered": True, "keys": KEYS, "system_title": b"short"},
        {"ciphered": True, "keys": SuiteKeys(bytes(16)), "system_title": CLIENT_TITLE},
        {"mechanism": Mechanism.HLS_GMAC},
        {"mechanism": Mechanism.HLS_ECDSA},
        {"challenge_length": 4},
        {"max_pdu": 10},
    ],
)
def test_configurations_that_cannot_be(parts):
    with pytest.raises(LocalError):
        AssociationConfig(**parts)


def test_high_level_security_needs_entropy():
    with pytest.raises(LocalError):
        ClientAssociation(config(CLIENT_TITLE, Mechanism.HLS_GMAC))
    stingy = ClientAssociation(config(CLIENT_TITLE, Mechanism.HLS_GMAC), entropy=lambda _: b"")
    with pytest.raises(LocalError):
        stingy.associate()
    assert entropy()(3) == b"\x01\x01\x01"


def test_secrets_are_not_printed():
    assert "12345678" not in repr(config(CLIENT_TITLE, Mechanism.LLS))
