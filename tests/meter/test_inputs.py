"""The state of a meter is a fold over its inputs: replaying them restores it exactly."""

import pytest
from hypothesis import given, settings, strategies as st
from tests.meter.helpers import DAY, HOUR, MIDNIGHT_S, StatusBit, moment

from urja.cosem import axdr
from urja.cosem.obis import Obis
from urja.cosem.security import wrap_key
from urja.meter.display_objects import BALANCE_AMOUNT, BALANCE_TIME, RECHARGE_AMOUNT, RECHARGE_TIME
from urja.meter.events import Log
from urja.meter.identity import seeded_identity
from urja.meter.inputs import (
    ChangeSecret,
    DriftClock,
    Entry,
    Hook,
    MoveTamper,
    Operate,
    PowerBack,
    PowerCut,
    SetClock,
    SetControlMode,
    SetLoadLimit,
    Store,
    TransferKeys,
    WatchOverload,
    Weld,
)
from urja.meter.journal import Journal, JournalError
from urja.meter.meter import Meter
from urja.meter.object_values import clock_data
from urja.meter.relay import Order

ON = st.booleans()


def wrapped(key):
    """A key as the meter of these tests takes it."""
    master = bytes.fromhex(seeded_identity("00000001", "urja-d1", 7).master_key)
    return wrap_key(master, bytes.fromhex(key)).hex()


INPUTS = st.one_of(
    st.builds(PowerCut, st.sampled_from(["service", "feeder F1"])),
    st.builds(PowerBack, st.sampled_from(["service", "feeder F1", None])),
    st.builds(Operate, st.sampled_from([int(order) for order in Order])),
    st.builds(SetControlMode, st.integers(0, 6)),
    st.builds(SetLoadLimit, st.integers(100, 5000)),
    st.builds(WatchOverload, ON),
    st.builds(SetClock, st.integers(MIDNIGHT_S, MIDNIGHT_S + DAY)),
    st.builds(DriftClock, st.integers(-500, 500)),
    st.builds(Store, st.just(BALANCE_AMOUNT), st.just(axdr.encode(axdr.int32(-5)).hex())),
    st.builds(MoveTamper, st.sampled_from(["cover", "magnet", "neutral"]), ON),
    st.builds(Weld, ON),
    st.builds(ChangeSecret, st.just("03" * 16)),
    st.builds(TransferKeys, st.sampled_from(["", wrapped("01" * 16)]), st.just(wrapped("02" * 16))),
    st.builds(Hook, st.integers(0, 4000)),
)


def new_meter(truth, note=lambda _entry: None, **more):
    return Meter(
        seeded_identity("00000001", "urja-d1", 7, **more), moment(MIDNIGHT_S), truth.append, note=note
    )


def state(meter):
    engine = meter.engine
    buffers = [engine.blocks, engine.daily, engine.billing, *engine.logs.values()]
    return (
        engine.quantities(),
        engine.supply.total,
        engine.switch,
        engine.outages,
        engine.tampers,
        engine.load_limit_w,
        meter.settings,
        (meter.keys.guek, meter.keys.gak, meter.hls_secret),
        [buffer.by_entry(1, 0).tolist() for buffer in buffers],
        meter.display(),
    )


@given(st.lists(st.tuples(st.integers(1, 7200), INPUTS), max_size=25))
@settings(max_examples=60)
def test_living_again_leads_to_the_same_state_and_truth(happenings):
    truth, entries = [], []
    meter = new_meter(truth, entries.append)
    at_s = MIDNIGHT_S
    for step, what in happenings:
        at_s += step
        meter.advance(moment(at_s - step // 2))
        meter.advance(moment(at_s))
        meter.apply_input(what)
    end = moment(at_s + HOUR)
    meter.advance(end)

    again_truth = []
    again = new_meter(again_truth)
    for entry in entries:
        again.replay(entry)
    again.run_without_pushing(end)
    assert state(again) == state(meter)
    assert again_truth == truth


def test_the_journal_gives_back_what_was_noted(tmp_path):
    path = tmp_path / "inputs.jsonl"
    journal = Journal(path)
    entries = [Entry(5, "A", PowerCut("feeder F1")), Entry(6, "B", Weld(True)), Entry(7, "A", PowerBack())]
    for entry in entries:
        journal.note(entry)
    journal.sync()
    journal.close()
    with path.open("ab") as file:
        file.write(b'{"at_s": 9, "seri')  # torn by a kill
    again = Journal(path)
    assert dict(again.past) == {"A": [entries[0], entries[2]], "B": [entries[1]]}
    again.note(Entry(8, "B", Hook(5)))
    again.close()
    assert path.read_bytes().count(b"\n") == 4
    path.write_text('{"at_s": "x"}\n')
    with pytest.raises(JournalError, match="line 1"):
        Journal(path)


def bits(word):
    return {bit for bit in range(128) if int.from_bytes(word) >> (127 - bit) & 1}


def test_a_tamper_keeps_its_bit_up_as_long_as_it_lasts():
    meter = new_meter([])
    engine = meter.engine
    [told] = engine.move_tamper("cover", on=True)
    assert bits(told.status_word) == {StatusBit.COVER}
    assert engine.move_tamper("cover", on=True) == []
    [told] = engine.move_tamper("magnet", on=True)
    assert bits(told.status_word) == {StatusBit.COVER, StatusBit.MAGNET}
    [gasp] = engine.cut_power()
    assert bits(gasp.status_word) == {StatusBit.COVER, StatusBit.MAGNET, StatusBit.LAST_GASP}
    assert engine.move_tamper("magnet", on=False) == []  # noted without power, reported after it returns
    [breath] = engine.restore_power()
    assert bits(breath.status_word) == {StatusBit.COVER, StatusBit.FIRST_BREATH}
    [told] = engine.move_tamper("cover", on=False)
    assert bits(told.status_word) == set()
    codes = [row[2] for log in (Log.OTHER, Log.NON_ROLLOVER) for row in engine.logs[log].by_entry(1, 0)]
    assert codes == [201, 202, 251]
    assert engine.tamper_count == 2


def test_a_disturbed_neutral_carries_nothing():
    meter = new_meter([])
    meter.advance(moment(MIDNIGHT_S + 20 * HOUR))
    meter.apply_input(MoveTamper("neutral", True))
    values = meter.engine.quantities()
    assert values["1.0.91.7.0.255"] == 0 < values["1.0.11.7.0.255"]


def test_power_is_back_when_the_last_reason_is_gone():
    engine = new_meter([]).engine
    assert len(engine.cut_power("feeder F1")) == 1
    assert engine.cut_power() == []
    assert engine.restore_power("feeder F1") == []
    assert not engine.powered
    assert len(engine.restore_power("service")) == 1
    engine.cut_power("a")
    engine.cut_power("b")
    assert len(engine.restore_power()) == 1


def test_the_display_shows_what_was_written_and_what_is():
    meter = new_meter([], start_wh=12_345_678)
    meter.advance(moment(MIDNIGHT_S + 20 * HOUR))
    pages = {page.label: page for page in meter.display()}
    assert pages["BALANCE"] == ("BALANCE", "0.00", "Rs")
    assert "LAST RCHG" not in pages
    stamp = clock_data(meter.identity.type, MIDNIGHT_S + 9 * HOUR, 0)
    for obis, data in {
        BALANCE_AMOUNT: axdr.int32(-4_205),
        BALANCE_TIME: stamp,
        RECHARGE_AMOUNT: axdr.int32(20_000),
        RECHARGE_TIME: stamp,
    }.items():
        meter.store(Obis.parse(obis), data)
    meter.apply_input(MoveTamper("cover", True))
    meter.operate(Order.REMOTE_DISCONNECT)
    pages = {page.label: (page.value, page.unit) for page in meter.display()}
    assert pages["BALANCE"] == ("-42.05", "Rs")
    assert pages["BAL AT"] == ("01-04 09:00", "")
    assert pages["LAST RCHG"] == ("200.00", "Rs")
    assert float(pages["KWH"][0]) > 12_345.6
    assert pages["KW"] == ("0.00", "kW")
    assert pages["RELAY"] == ("OFF", "")
    assert pages["TAMPER"] == ("COVER", "")
    assert pages["TIME"] == ("20:00", "")
    meter.cut_power(moment(MIDNIGHT_S + 20 * HOUR))
    assert meter.display() == []


def test_a_payment_mode_is_logged_when_it_changes():
    meter = new_meter([])
    payment_mode = Obis.parse("0.0.94.96.20.255")
    for mode in (1, 0, 0, 1):
        meter.store(payment_mode, axdr.uint8(mode))
    assert [row[2] for row in meter.engine.logs[Log.OTHER].by_entry(1, 0)] == [211, 212]


def test_a_welded_switch_confirms_and_goes_on_counting():
    truth = []
    meter = new_meter(truth)
    meter.advance(moment(MIDNIGHT_S + HOUR))
    meter.apply_input(Weld(True))
    meter.operate(Order.REMOTE_DISCONNECT)
    meter.advance(moment(MIDNIGHT_S + 3 * HOUR))
    assert not meter.engine.switch.closed
    assert truth[-1].drawn_mwh > 0
    meter.apply_input(Weld(False))
    meter.advance(moment(MIDNIGHT_S + 4 * HOUR))
    assert truth[-1].drawn_mwh == 0
