"""An attacker on the link forges a refusal, and then the counter that the head end asks for: nothing there is authentic.

A counter set back would make a nonce be used twice, which gives away keystream and the authentication subkey; one set
far ahead would use the key up.
"""

import asyncio
from collections import Counter

import pytest
from hypothesis import given, strategies as st
from prometheus_client import CollectorRegistry
from tests.headend import conftest
from tests.headend.conftest import value
from tests.headend.ordering import Desk, House, put_device

from urja.base.ports import free_port
from urja.cosem import axdr
from urja.cosem.acse import ApplicationContext, AssociationResult, Diagnostic
from urja.cosem.apdu import (
    Aare,
    Aarq,
    ExceptionResponse,
    GetRequestNormal,
    GetResponseNormal,
    ServiceError,
    StateError,
    decode_apdu,
)
from urja.cosem.association import ClientAssociation
from urja.cosem.association_base import Association
from urja.cosem.security import MAX_COUNTER
from urja.cosem.wrapper import Frame
from urja.headend.apdu_channel import WrapperChannel
from urja.headend.failures import SessionFailedError
from urja.headend.invocation_counters import BLOCK, LOST_RESERVATION_MARGIN, MAX_CLAIM_STEP, ReservedCounters
from urja.headend.metrics import Metrics
from urja.headend.sealed_state import Seal
from urja.meter.object_model import Role
from urja.meter.session import Sessions
from urja.stream.errors import RevisionConflictError

nats_server, admin, pipeline = conftest.nats_server, conftest.admin, conftest.pipeline
start_headend = conftest.start_headend


@pytest.fixture
def desk(pipeline) -> Desk:
    return Desk(pipeline)


@pytest.fixture
async def house(stepped_clock, pipeline) -> House:
    house = House(stepped_clock, port=free_port())
    await put_device(pipeline, house.entry())
    return house


@pytest.fixture
def nonces(monkeypatch) -> Counter[int]:
    """How often the head end protected something under each of its counters."""
    used: Counter[int] = Counter()
    take = Association._take_counter

    def noted(association):
        counter = take(association)
        if isinstance(association, ClientAssociation):
            used[counter] += 1
        return counter

    monkeypatch.setattr(Association, "_take_counter", noted)
    return used


class OnTheLink:
    """Answers in the meter's place: refuses some associations, and says where the counter stands."""

    def __init__(self, monkeypatch, claim: int) -> None:
        self.claim = claim
        self.refusals = 0
        self.ends = 0
        """Requests of an open association that are answered as if there were none."""
        self.lost = 0
        """Associations that get no answer."""
        receive = Sessions.receive

        def forged(sessions, frame):
            if frame.source == 48 and self.lost and isinstance(decode_apdu(frame.apdu), Aarq):
                self.lost -= 1
                return []
            answer = self._forge(frame.source, frame.apdu)
            return receive(sessions, frame) if answer is None else [Frame(1, frame.source, answer)]

        monkeypatch.setattr(Sessions, "receive", forged)

    def _forge(self, sap: int, sent: bytes) -> bytes | None:
        if sap == 48 and self.ends and not isinstance(decode_apdu(sent), Aarq):
            self.ends -= 1
            return ExceptionResponse(StateError.SERVICE_NOT_ALLOWED, ServiceError.OTHER_REASON).encode()
        if sap == 48 and isinstance(decode_apdu(sent), Aarq) and self.refusals:
            self.refusals -= 1
            return Aare(
                context=ApplicationContext.LOGICAL_NAME_CIPHERED,
                result=AssociationResult.REJECTED_PERMANENT,
                diagnostic=Diagnostic.NO_REASON_GIVEN,
                user_information=None,
            ).encode()
        if sap == 16 and isinstance(read := decode_apdu(sent), GetRequestNormal):
            return GetResponseNormal(read.invoke, axdr.uint32(self.claim)).encode()
        return None


@pytest.mark.parametrize("answered", ["refusal", "no answer"])
@pytest.mark.parametrize("claim", [0, 1500, MAX_COUNTER])
async def test_a_forged_counter_makes_no_nonce_used_twice(
    start_headend, desk, house, nonces, monkeypatch, claim, answered
):
    monkeypatch.setattr(WrapperChannel.__init__, "__defaults__", (0.3,))
    link = OnTheLink(monkeypatch, 0)

    def interfere() -> None:
        link.claim = claim
        link.refusals, link.lost = (1, 0) if answered == "refusal" else (0, 1)

    async with start_headend(association_idle_s=0), house.listening():
        for kind in ("disconnect", "connect", "disconnect", "connect"):
            order = house.order(kind)
            await desk.send(order)
            await desk.end_of(order)
            interfere()
    async with start_headend(), house.listening():
        order = house.order("disconnect")
        await desk.send(order)
        await desk.end_of(order)
    assert nonces
    assert set(nonces.values()) == {1}


async def test_a_forged_end_of_a_kept_association_makes_no_nonce_used_twice(
    start_headend, desk, house, nonces, monkeypatch
):
    """A request in it is refused, then the association that is to replace it, and the counter is said to be nothing."""
    link = OnTheLink(monkeypatch, 0)
    async with house.listening(), start_headend():
        for kind in ("disconnect", "connect", "disconnect", "connect"):
            order = house.order(kind)
            await desk.send(order)
            await desk.end_of(order)
            link.ends, link.refusals = 1, 1

    assert set(nonces.values()) == {1}


async def test_a_counter_set_far_ahead_costs_a_bounded_step(start_headend, desk, house, nonces, monkeypatch):
    link = OnTheLink(monkeypatch, 0)
    first, again = house.order("disconnect"), house.order("connect")
    async with start_headend() as headend, house.listening():
        await desk.send(first)
        await desk.end_of(first)
    link.claim, link.refusals = MAX_COUNTER, 1
    async with start_headend() as headend, house.listening():
        await desk.send(again)
        [end] = await desk.end_of(again)
        assert value(headend, "counter_steps_total") == 1
    # The meter takes any counter above its own, so the order is carried out all the same.
    assert end.state == "confirmed"
    assert max(nonces) <= LOST_RESERVATION_MARGIN + 2 * BLOCK + MAX_CLAIM_STEP + BLOCK


async def test_a_new_meter_whose_counter_is_nearly_used_up_is_not_begun_with(
    start_headend, desk, house, monkeypatch
):
    OnTheLink(monkeypatch, MAX_COUNTER - 1)
    order = house.order("disconnect")
    async with start_headend(), house.listening():
        await desk.send(order)
        [end] = await desk.end_of(order)
    assert end.state == "failed"
    assert "the keys must be changed" in end.detail


async def test_a_reservation_that_is_lost_is_left_behind_by_a_margin(
    start_headend, desk, house, nonces, admin, monkeypatch
):
    """What was sent last may never have reached the meter: its own counter is below ours."""
    async with house.listening(), start_headend():
        order = house.order("disconnect")
        await desk.send(order)
        await desk.end_of(order)
    house.meter.received_counters[Role.UTILITY] = max(nonces) - 2
    await admin._request("$JS.API.STREAM.PURGE.KV_counters", b"", None)
    async with house.listening(), start_headend():
        order = house.order("connect")
        await desk.send(order)
        [end] = await desk.end_of(order)
    assert end.state == "confirmed"
    assert set(nonces.values()) == {1}


class Store:
    """The broker's bucket, as far as counters go."""

    def __init__(self) -> None:
        self.value: bytes | None = None
        self.revision = 0

    async def get(self, _bucket: str, _name: str) -> tuple[bytes | None, int]:
        return self.value, self.revision

    async def put(self, _bucket: str, _name: str, value: bytes, revision: int) -> None:
        if revision != self.revision:
            raise RevisionConflictError("another has written")
        self.value, self.revision = value, self.revision + 1


CLAIMS = st.one_of(st.integers(0, 5000), st.integers(0, MAX_COUNTER))
EVENTS = st.lists(
    st.tuples(
        st.integers(0, 1),
        st.sampled_from(["open", "asked", "restart", "no answer"]),
        CLAIMS,
        st.integers(0, 300),
    ),
    max_size=40,
)


@given(EVENTS)
def test_blocks_never_overlap_whatever_is_claimed(events):
    """Two head ends, restarts, no answer, and any claim at any time, once a reservation was made."""
    asyncio.run(_play(events))


async def _play(events) -> None:
    store, seal = Store(), Seal(bytes(16))

    async def lost(name: str) -> None:
        raise AssertionError(name)

    def head_end() -> ReservedCounters:
        return ReservedCounters(store, seal, Metrics(CollectorRegistry()), lost)

    head_ends = [head_end(), head_end()]
    used: set[int] = set()
    for number, what, claim, length in [(0, "asked", 0, 5), *events]:
        counters = head_ends[number]
        if what == "restart":
            head_ends[number] = head_end()
            continue
        if what == "no answer":
            counters.doubt("m")
        reserved = int(seal.open("counters/m", store.value)) if store.value else None
        block = None if what == "asked" else await counters.known("m")
        try:
            first, limit = block or await counters.above("m", claim)
        except SessionFailedError:
            continue
        taken = range(first, min(first + length, limit))
        assert used.isdisjoint(taken)
        assert reserved is None or first <= reserved + MAX_CLAIM_STEP
        used.update(taken)
        counters.give_back("m", taken.stop, limit)
