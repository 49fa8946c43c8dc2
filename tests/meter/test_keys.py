"""Keys transferred to the meter (security setup, class 64, method 2)."""

from contextlib import closing

import pytest
from tests.meter.helpers import HOUR, MIDNIGHT_S, make_meter, moment
from tests.meter.wire import CLIENT_TITLE, FakeWire

from urja.base.clock import SteppedClock
from urja.cosem import axdr
from urja.cosem.apdu import ActionResult, DataNotification, GeneralGloCiphered, decode_apdu
from urja.cosem.association import AssociationConfig, ClientAssociation, Mechanism
from urja.cosem.errors import AssociationRejectedError, AuthenticationError, PeerError
from urja.cosem.obis import CosemMethod
from urja.cosem.security import SuiteKeys, wrap_key
from urja.meter.events import EventCode, Log
from urja.meter.fleet import Fleet, FleetFile
from urja.meter.journal import Journal
from urja.meter.object_model import Role

TRANSFER = CosemMethod.of(64, "0.0.43.0.3.255", 2)
GUEK, BROADCAST, GAK = 0, 1, 2
NEW = SuiteKeys(bytes(range(16)), bytes(range(16, 32)))


def transfer(meter, keys, *, master=None):
    """The parameter of the method: keys by id, wrapped with the meter's master key, or another."""
    kek = bytes.fromhex(meter.identity.master_key) if master is None else master
    pairs = [
        axdr.structure(axdr.enum(key_id), axdr.octets(wrap_key(kek, key))) for key_id, key in keys.items()
    ]
    return axdr.array(*pairs)


def client(keys, counter=1):
    config = AssociationConfig(
        mechanism=Mechanism.HLS_GMAC, ciphered=True, keys=keys, system_title=CLIENT_TITLE
    )
    return ClientAssociation(config, invocation_counter=counter, entropy=lambda size: bytes(range(size)))


def ready():
    meter, _ = make_meter()
    meter.advance(moment(MIDNIGHT_S + HOUR))
    return meter, FakeWire(meter, Role.UTILITY).associate()


def changed():
    """A meter after the transfer of both keys, and the wire that it came by; the answer was under the old ones."""
    meter, wire = ready()
    [done] = wire.run(wire.client.action(TRANSFER, transfer(meter, {GUEK: NEW.guek, GAK: NEW.gak})))
    assert done.result is ActionResult.SUCCESS
    return meter, wire


def open_push(keys, push):
    sealed = decode_apdu(push.apdu)
    assert isinstance(sealed, GeneralGloCiphered)
    return decode_apdu(sealed.open(keys))


def test_both_keys_are_changed_at_once_and_the_change_is_in_the_log():
    meter, wire = changed()
    assert meter.keys == NEW
    assert [row[2] for row in meter.engine.logs[Log.TRANSACTION].by_entry(1, 0)] == [EventCode.KEYS_CHANGED]
    FakeWire(meter, Role.UTILITY, client(NEW), wire.sessions).associate()


def test_the_old_keys_open_no_association_after_that():
    meter, wire = changed()
    with pytest.raises(AssociationRejectedError):
        FakeWire(meter, Role.UTILITY, client(meter.identity.keys, counter=90), wire.sessions).associate()


def test_a_new_encryption_key_begins_its_counters_again():
    meter, _ = ready()
    meter.advance(moment(MIDNIGHT_S + 5 * HOUR))
    assert meter.invocation_counter(4) > 1
    wire = FakeWire(meter, Role.UTILITY).associate()
    wire.run(wire.client.action(TRANSFER, transfer(meter, {GUEK: NEW.guek})))
    assert (meter.keys.guek, meter.keys.gak) == (NEW.guek, meter.identity.keys.gak)
    assert [meter.invocation_counter(e) for e in (2, 3, 4)] == [0, 0, 0]
    [push] = meter.advance(moment(MIDNIGHT_S + 5 * HOUR + 1800))[:1]
    assert push.counter == 1
    assert isinstance(open_push(SuiteKeys(NEW.guek, meter.keys.gak), push), DataNotification)
    with pytest.raises(AuthenticationError):
        open_push(meter.identity.keys, push)


def test_the_authentication_key_alone_leaves_the_counters_where_they_are():
    meter, wire = ready()
    upcoming = meter.transmit.upcoming
    wire.run(wire.client.action(TRANSFER, transfer(meter, {GAK: NEW.gak})))
    assert (meter.keys.guek, meter.keys.gak) == (meter.identity.keys.guek, NEW.gak)
    assert meter.transmit.upcoming >= upcoming
    assert meter.invocation_counter(3) > 0


@pytest.mark.parametrize(
    "parameter",
    [
        lambda meter: transfer(meter, {GUEK: NEW.guek, GAK: NEW.gak}, master=bytes(16)),
        lambda meter: transfer(meter, {GUEK: bytes(32)}),
        lambda meter: transfer(meter, {BROADCAST: NEW.guek}),
        lambda _meter: axdr.array(),
        lambda _meter: axdr.int8(0),
        lambda _meter: axdr.array(axdr.structure(axdr.enum(0))),
    ],
    ids=["another master key", "a key of suite 2", "the broadcast key", "no key", "a number", "half a pair"],
)
def test_what_is_no_key_wrapped_for_this_meter_changes_nothing(parameter):
    meter, wire = ready()
    [done] = wire.run(wire.client.action(TRANSFER, parameter(meter)))
    assert done.result is not ActionResult.SUCCESS
    assert meter.keys == meter.identity.keys


def test_one_key_that_does_not_open_leaves_the_other_as_it_was():
    meter, wire = ready()
    good, bad = transfer(meter, {GUEK: NEW.guek}), transfer(meter, {GAK: NEW.gak}, master=bytes(16))
    [done] = wire.run(wire.client.action(TRANSFER, axdr.array(*good.value, *bad.value)))
    assert done.result is ActionResult.OTHER_REASON
    assert meter.keys == meter.identity.keys


def test_a_reader_may_not_change_keys():
    meter, _ = make_meter()
    meter.advance(moment(MIDNIGHT_S + HOUR))
    wire = FakeWire(meter, Role.READER).associate()
    [done] = wire.run(wire.client.action(TRANSFER, transfer(meter, {GUEK: NEW.guek})))
    assert done.result is not ActionResult.SUCCESS
    assert meter.keys == meter.identity.keys


def test_changed_keys_and_the_counters_used_under_them_outlive_a_restart(tmp_path):
    meter, _ = ready()
    file = FleetFile(
        head_end_host="127.0.0.1",
        head_end_port=1,
        installed_at=moment(MIDNIGHT_S),
        meters=(meter.identity,),
    )

    def fleet():
        return closing(Fleet(file, tmp_path, SteppedClock(moment(MIDNIGHT_S + HOUR))))

    serial = meter.identity.serial
    with fleet() as first:
        living = first.stations[serial].meter
        living.transfer_keys({GUEK: transfer(meter, {GUEK: NEW.guek}).value[0].value[1].value})
        used = [living.transmit.take() for _ in range(5)]
    with fleet() as second:
        living = second.stations[serial].meter
        assert (living.keys.guek, living.keys.gak) == (NEW.guek, meter.identity.keys.gak)
        assert living.transmit.upcoming > max(used)


# -- the HLS secret ----------------------------------------------------------------------------------------------

CHANGE_SECRET = CosemMethod.of(15, "0.0.40.0.0.255", 2)


def secretive():
    """A meter of mechanism 2, its utility client, and what that is opened by."""
    meter, _ = make_meter("urja-d1-aes")
    meter.advance(moment(MIDNIGHT_S + HOUR))

    def by(secret, counter=1):
        config = AssociationConfig(
            mechanism=Mechanism(meter.identity.type.associations.hls_mechanism),
            ciphered=True,
            keys=meter.keys,
            system_title=CLIENT_TITLE,
            secret=secret,
        )
        client = ClientAssociation(
            config, invocation_counter=counter, entropy=lambda size: bytes(range(size))
        )
        wire = FakeWire(meter, Role.UTILITY, client)
        wire.sap = meter.identity.type.associations.utility_sap
        return wire

    return meter, by


def test_another_hls_secret_opens_the_association_from_then_on():
    meter, by = secretive()
    old, new = meter.hls_secret, bytes(range(16))
    wire = by(old).associate()
    [done] = wire.run(wire.client.action(CHANGE_SECRET, axdr.octets(new)))
    assert done.result is ActionResult.SUCCESS
    assert wire.get(1, "0.0.96.1.0.255", 2).value, "the association that it came by goes on"
    by(new, counter=50).associate()
    with pytest.raises((AssociationRejectedError, PeerError)):
        by(old, counter=90).associate()
    assert [row[2] for row in meter.engine.logs[Log.TRANSACTION].by_entry(1, 0)] == [
        EventCode.HLS_SECRET_CHANGED
    ]


@pytest.mark.parametrize("parameter", [axdr.octets(bytes(15)), axdr.octets(b""), axdr.int8(0)])
def test_what_is_no_secret_changes_nothing(parameter):
    meter, by = secretive()
    wire = by(meter.hls_secret).associate()
    [done] = wire.run(wire.client.action(CHANGE_SECRET, parameter))
    assert done.result is not ActionResult.SUCCESS
    assert meter.hls_secret == bytes.fromhex(meter.identity.hls_secret)


def test_a_meter_of_mechanism_5_has_no_secret_to_change():
    meter, wire = ready()
    [done] = wire.run(wire.client.action(CHANGE_SECRET, axdr.octets(bytes(16))))
    assert done.result is ActionResult.OBJECT_UNAVAILABLE
    assert meter.hls_secret == b""


def test_what_meters_were_told_is_for_their_owner_alone(tmp_path):
    path = tmp_path / "inputs.jsonl"
    Journal(path).close()
    assert path.stat().st_mode & 0o077 == 0
