"""Commissioning of an installed meter: it passes and is in service, or the failed check says what to do."""

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from tests.apps import town
from tests.apps.town import HALF_HOUR, START, adopt, blocks
from tests.usecases.life import (
    HOUR,
    answer,
    call,
    commissioned,
    connect,
    do,
    install_meter,
    read,
    stock,
    typed_pushes,
)

from urja.cosem.push_object_list import PushObject, PushObjectList
from urja.meter.truth import TruthRecord

NOW = START + 2 * HOUR


@pytest.fixture
def installed(database):
    """A meter at a new service point, where no consumer is supplied yet."""
    connect()
    meter = stock(1)
    install_meter(1)
    return meter


def run(now=NOW):
    from urja.pipeline import commission

    return commission.run_once(now, 1).done


def calls():
    from urja.apps.commissioning.models import Call

    return list(Call.objects.order_by("id"))


def period():
    from urja.apps.assets.models import DevicePeriod

    return DevicePeriod.objects.get(valid_to=None)


def commands():
    from urja.apps.commands.models import Command

    return list(Command.objects.order_by("sequence").values_list("kind", flat=True))


def failed(call):
    return {check["check"]: check["says"] for check in call.checks if not check["passed"]}


def refused(says, at=NOW, number=1, **more):
    from urja.apps.journal.errors import RefusedError

    with pytest.raises(RefusedError, match=says):
        call(number, at, **more)


def test_a_meter_that_answers_as_it_should_is_in_service(installed):
    from urja.apps.commissioning import queries
    from urja.apps.journal.models import AuditEntry

    assert [waiting.device_id for waiting in queries.waiting_for_call()] == [installed.id]
    call()
    assert (run(), run()) == (1, 0)
    assert commands() == ["read_object", "read_object", "read_object", "set_clock", "read_pushes"]
    answer(NOW + HOUR, register_wh=130)
    assert (run(NOW + HOUR), run(NOW + HOUR)) == (1, 0)
    (one,) = calls()
    assert (one.state, one.ended_at) == ("passed", NOW + HOUR)
    assert {check["check"]: check["found"] for check in one.checks} == {
        "keys": "both sides have proved their keys",
        "identity": "URJ00000001",
        "firmware": "URJA-1.0",
        "register": "130 Wh",
        "clock": "was off by -7 s, and was set",
        "pushes": "as in its type",
    }
    assert period().commissioned_at == NOW + HOUR
    installed.refresh_from_db()
    assert installed.firmware == "URJA-1.0"
    entry = AuditEntry.objects.get(id=one.operation_id)
    assert (entry.kind, entry.actor) == ("record_commissioning", "commission")
    assert not queries.waiting_for_call()


def test_a_read_just_before_the_end_of_an_interval_is_not_one_after_it(database):
    """Its answer comes after it. Dated then, the read would leave out what flowed from it to the end of the interval."""
    from urja.laws.energy_ownership import examine_truth

    home = adopt(called=False)
    call()
    run()
    seconds = timedelta(seconds=1)
    answer(NOW + 5 * seconds, register_wh=10_398, read_at=NOW - 5 * seconds)
    starts = [START + n * HALF_HOUR for n in range(6)]
    with database.connect("urja_pipeline") as connection:
        town.store_blocks(connection, blocks(home, *((start, 100) for start in starts)))
        run(NOW + HOUR)
        assert period().commissioned_at == NOW - 5 * seconds
        # The register's 398 Wh, and the two blocks after it.
        [(_, _, watermark_at, energy_wh, *_)] = town.accruals(connection)
        assert (watermark_at, energy_wh) == (NOW + HOUR, 598)
        drawn = [true_interval(start, 100, so_far_wh=100 * n) for n, start in enumerate(starts, 1)]
        laws = examine_truth(connection, drawn, NOW + HOUR, ZoneInfo(town.ZONE))
        assert [words for law in laws for words in law.contradictions] == []
        # The meter's own read of the interval's end does not fall behind the one before it.
        assert town.store_registers(connection, town.registers(home, (NOW, 10_400))).inserted == 1


def true_interval(start, wh, *, so_far_wh):
    """A record of the meter's truth file."""
    begins, ends = int(start.timestamp()), int((start + HALF_HOUR).timestamp())
    return TruthRecord("URJ00000001", begins, ends, ends, wh * 1000, so_far_wh * 1000, True, 1800)


def test_a_meter_that_is_called_in_the_second_of_its_installation_is_not_read_before_it(installed):
    """Its clock has whole seconds: it shows an instant before the installation."""
    call()
    run()
    installed_at = period().valid_from
    answer(NOW, read_at=installed_at - timedelta(seconds=0.3))
    run()
    assert period().commissioned_at == installed_at


def test_the_relay_is_tested_where_no_consumer_is_supplied_and_closed_whatever_comes(installed):
    call(relay_test=True, payment_mode="prepaid")
    run()
    assert commands()[-2:] == ["set_payment_mode", "disconnect"]
    answer(NOW, disconnect=("failed", "not obeyed: the meter is connected"))
    assert run() == 1
    assert commands()[-1] == "connect"
    answer(NOW)
    run()
    (one,) = calls()
    assert one.state == "failed"
    assert failed(one) == {
        "switch_off": "opening the relay failed (not obeyed: the meter is connected): "
        "correct the cause, then commission it again"
    }
    assert period().commissioned_at is None
    assert commissioned(1, NOW + HOUR, relay_test=True).state == "passed"


@pytest.mark.parametrize(
    ("said", "check", "says"),
    [
        (
            {"serial": "URJ00000002"},
            "identity",
            "reports the serial number URJ00000002, not URJ00000001: undo the installation",
        ),
        ({"register_wh": 99}, "register", "shows 99 Wh, and 100 Wh were read"),
        ({"register_wh": 90_000}, "register", "shows 90000 Wh"),
        ({"set_clock": ("failed", "not obeyed: the clock shows 2012")}, "clock", "the clock shows 2012"),
        ({"read_object": ("expired", "")}, "identity", "was not reached: check antenna, SIM and address"),
        ({"read_object": ("failed", "wrong key: of ours")}, "keys", "load the manufacturer's key file again"),
    ],
)
def test_a_check_that_fails_says_what_to_do(installed, said, check, says):
    call()
    run()
    answer(NOW, **said)
    run()
    (one,) = calls()
    assert one.state == "failed"
    assert says in failed(one)[check]
    assert period().commissioned_at is None
    # Corrected, it is called again.
    assert commissioned(1, NOW + HOUR).state == "passed"


def test_another_firmware_than_was_delivered(database):
    connect()
    stock(1, firmware="URJA-0.9")
    install_meter(1)
    one = commissioned()
    assert "delivered with firmware URJA-0.9" in failed(one)["firmware"]


def test_what_is_not_to_be_called(installed):
    refused("meter URJ00000009 is not installed", number=9)
    refused("a meter's payment mode is prepaid or postpaid, not 'free'", payment_mode="free")
    call()
    refused("is being called: wait")
    run()
    answer(NOW)
    run()
    refused("is in service since")
    adopt(2)
    refused("is in service since", number=2)


def test_nobodys_light_is_put_out_for_a_test(installed):
    from tests.apps.town import by_hand

    from urja.apps.assets.models import DevicePeriod
    from urja.apps.supply.models import Hold

    home = adopt(2)
    with by_hand():
        DevicePeriod.objects.filter(device_id=home.device_id).update(commissioned_at=None)
    refused("commissioning does not disconnect them", number=2, relay_test=True)
    Hold.objects.create(
        service_point_id=period_of(1).service_point_id, reason="safety", placed_at=START, placed_by="x"
    )
    refused("is kept disconnected by a hold", relay_test=True)


def period_of(number):
    from urja.apps.assets.models import DevicePeriod

    return DevicePeriod.objects.get(device__serial=f"URJ{number:08}", valid_to=None)


def test_a_meter_without_a_switch_is_not_tested(database):
    connect()
    stock(1, load_switch=False)
    install_meter(1)
    refused("has no relay to test", relay_test=True)


def test_a_net_metered_agreement_wants_a_meter_that_counts_both_ways(database):
    from tests.apps.town import by_hand

    from urja.apps.assets.models import Device, DevicePeriod
    from urja.apps.contracts.models import AgreementTerms

    adopt(1)
    with by_hand():
        DevicePeriod.objects.update(commissioned_at=None)
        AgreementTerms.objects.update(metering_mode="net")
        Device.objects.update(forward_only=True)
    refused("is net-metered and needs a bidirectional meter")


def test_a_meter_that_is_taken_away_meanwhile_is_given_up(installed):
    from urja.usecases.operations import RemoveMeter

    call()
    run()
    do(RemoveMeter(serial="URJ00000001", removed_at=NOW), NOW)
    assert (run(), [one.state for one in calls()]) == (1, ["given_up"])


def test_a_wrong_installation_is_undone_after_a_failed_call_and_not_in_service(installed):
    from urja.apps.journal.errors import RefusedError
    from urja.apps.journal.models import AuditEntry
    from urja.usecases.operations import Undo

    call()
    run()
    answer(NOW, serial="URJ00000002")
    run()
    installation = AuditEntry.objects.get(kind="install_meter")
    do(Undo(entry_id=installation.id, reason="another meter is installed there"), NOW)
    install_meter(1, NOW)
    assert commissioned(1, NOW + HOUR).state == "passed"
    with pytest.raises(RefusedError, match=r"\(record_commissioning\) came after"):
        do(Undo(entry_id=AuditEntry.objects.filter(kind="install_meter").last().id, reason="x"), NOW)


@pytest.mark.parametrize("step", ["_issue", "end"])
def test_killed_within_a_step_it_goes_on(installed, monkeypatch, step):
    from urja.apps.commands.models import Command
    from urja.apps.commissioning import operations

    class Killed(BaseException):
        """As a signal would."""

    def die(*_):
        raise Killed

    call()
    with monkeypatch.context() as patched:
        patched.setattr(operations, step, die)
        if step == "end":
            run()
            answer(NOW)
        with pytest.raises(Killed):
            run()
    assert period().commissioned_at is None
    while run():
        answer(NOW)
    assert [one.state for one in calls()] == ["passed"]
    assert period().commissioned_at == NOW
    assert Command.objects.count() == 5


def exchanged():
    """What a meter tells whose firmware has Wh and VAh exchanged in its block push."""
    pushes = {one.key: list(one.objects) for one in typed_pushes()}
    wh, vah = (next(at for at, one in enumerate(pushes["block"]) if one.obis == obis) for obis in (WH, VAH))
    pushes["block"][wh], pushes["block"][vah] = pushes["block"][vah], pushes["block"][wh]
    return tuple(PushObjectList(key, tuple(objects)) for key, objects in pushes.items())


WH, VAH = "1.0.1.29.0.255", "1.0.9.29.0.255"


def projected():
    from urja.apps.commissioning import device_entries as queries

    return [change.pushes for change in queries.due_entries(10)]


def test_what_a_meter_tells_of_its_pushes_is_kept_and_goes_to_the_head_ends(installed):
    from urja.apps.commissioning.models import PushLayout
    from urja.usecases.operations import Commission

    assert commissioned(pushes=exchanged()).state == "passed"
    [kept] = PushLayout.objects.all()
    assert (kept.device_id, kept.firmware, kept.read_at) == (installed.id, "URJA-1.0", NOW)
    assert projected() == [exchanged()]
    # Its firmware was changed: called again, the newest counts, and what its type says need not travel.
    refused("is in service since .*; set again to call it nevertheless")
    run()
    do(Commission(serial="URJ00000001", again=True), NOW + HOUR)
    while run(NOW + HOUR):
        answer(NOW + HOUR, firmware="URJA-2.0")
    assert [one.state for one in calls()] == ["passed", "passed"]
    assert PushLayout.objects.count() == 2
    assert PushLayout.objects.latest("read_at").firmware == "URJA-2.0"
    assert projected() == [()]
    assert period().commissioned_at == NOW
    installed.refresh_from_db()
    assert installed.firmware == "URJA-2.0"


def test_a_meter_whose_pushes_cannot_be_decoded_is_not_put_into_service(installed):
    stranger = PushObject(3, "1.0.99.9.9.255", 2, 0, 30)
    pushes = tuple(
        PushObjectList(one.key, (*one.objects, stranger)) if one.key == "block" else one
        for one in typed_pushes()
    )
    one = commissioned(pushes=pushes)
    assert one.state == "failed"
    assert "1.0.99.9.9.255 attribute 2: no wire type is known for it" in failed(one)["pushes"]
    assert period().commissioned_at is None
    assert projected() == [()]


def test_its_rights_suffice(database, installed):
    from django.db import connections

    settings = connections["default"].settings_dict
    owner = settings["USER"]
    connections.close_all()
    try:
        settings["USER"] = "urja_pipeline"
        assert commissioned(relay_test=True, payment_mode="prepaid").state == "passed"
    finally:
        connections.close_all()
        settings["USER"] = owner


def test_a_gas_meter_is_asked_for_its_volume_and_needs_no_energy(database):
    """Its billed register has another code, is in m³, and its pushes have no energy."""
    connect(commodity="gas")
    stock(1, device_type="urja-g1", commodity="gas", interval_s=3600, max_power_w=2_500)
    install_meter(1, register_wh=None, register_l=5_000)
    call()
    run()
    answer(NOW, register_wh=5_020, pushes=typed_pushes("urja-g1"))
    run()
    (one,) = calls()
    assert (one.state, failed(one)) == ("passed", {})
    found = {check["check"]: check["found"] for check in one.checks}
    assert (found["register"], found["pushes"]) == ("5020 L", "as in its type")
    assert period().commissioned_at == NOW


def test_a_gas_register_below_the_installation_read_does_not_pass(database):
    connect(commodity="gas")
    stock(1, device_type="urja-g1", commodity="gas", interval_s=3600, max_power_w=2_500)
    install_meter(1, register_wh=None, register_l=5_000)
    call()
    run()
    answer(NOW, register_wh=4_999, pushes=typed_pushes("urja-g1"))
    run()
    assert failed(calls()[0])["register"].startswith("the register shows 4999 L, and 5000 L were read")


def bits(*numbers):
    return "".join("1" if n in numbers else "0" for n in range(128))


@pytest.mark.parametrize(
    ("status_word", "says"),
    [
        (
            bits(7),
            "the current of phase L2 (Y) flows backwards: exchange the two leads of its current transformer",
        ),
        (bits(2), "phase L3 (B) has no voltage: check its fuse and its voltage terminal at the meter"),
        (bits(3, 4), None),
    ],
)
def test_a_three_phase_meter_that_is_connected_wrongly_says_where(database, status_word, says):
    connect()
    stock(1, device_type="urja-d3", load_switch=False, firmware="")
    install_meter(1)
    call()
    run()
    answer(NOW, pushes=typed_pushes("urja-d3"), status_word=status_word)
    run()
    (one,) = calls()
    if says is None:
        assert (one.state, failed(one)) == ("passed", {})
        return
    assert one.state == "failed"
    assert failed(one)["wiring"].startswith(says)
    assert failed(one)["wiring"].endswith("then commission it again")
    assert period().commissioned_at is None


def test_both_connections_are_named_and_a_single_phase_meter_is_not_asked():
    from urja.apps.commissioning.checks import (
        ANGLES,
        POWERS,
        Answer,
        Check,
        Expected,
        commands_of,
        judge,
    )
    from urja.cosem.companion import load_device_type

    single, three = load_device_type("urja-d1"), load_device_type("urja-d2")
    assert Check.WIRING not in commands_of(single, "", relay_test=False)
    assert commands_of(three, "", relay_test=False)[Check.WIRING] == (
        "read_object", {"obis": "0.0.94.91.18.255", "registers": [*POWERS, *ANGLES]},
    )  # fmt: skip
    without = load_device_type("urja-d2-dg")
    assert commands_of(without, "", relay_test=False)[Check.WIRING] == (
        "read_object", {"obis": "0.0.94.91.18.255"},
    )  # fmt: skip
    word = Answer("confirmed", "", {"value": f"b:{bits(0, 8)}"})
    identity = Answer("confirmed", "", {"value": "h:"})
    expected = Expected("", three, "", 0, 0)
    [outcome] = [
        one
        for one in judge({Check.IDENTITY: identity, Check.WIRING: word}, expected)
        if one.check is Check.WIRING
    ]
    assert (outcome.passed, outcome.found) == (
        False,
        "2 of the phases' connections are wrong; not checked: the sign of each phase's power",
    )
    assert "phase L1 (R) has no voltage" in outcome.says
    assert "the current of phase L3 (B) flows backwards" in outcome.says


def registers(watts, degrees):
    """What `read_object` brings of each phase's power and of the angles of the voltages."""
    from urja.apps.commissioning.checks import ANGLES, POWERS

    return {
        **{obis: read(value, "W") for obis, value in zip(POWERS, watts, strict=True)},
        **{obis: read(value * 10, "°", scaler=-1) for obis, value in zip(ANGLES, degrees, strict=True)},
    }


def wiring_of(shown, *, device_type="urja-d3", feeds_in=False):
    from urja.apps.commissioning.checks import Answer, Check, Expected, judge
    from urja.cosem.companion import load_device_type

    answer = Answer(
        "confirmed", "", {"value": f"b:{bits()}"} | ({} if shown is None else {"registers": shown})
    )
    expected = Expected("", load_device_type(device_type), "", 0, 0, feeds_in=feeds_in)
    judged = judge({Check.IDENTITY: answer, Check.WIRING: answer}, expected)
    return next(one for one in judged if one.check is Check.WIRING)


FINE = "each phase has voltage and draws forwards"


@pytest.mark.parametrize(
    ("watts", "degrees", "found", "says"),
    [
        ((4000, 5000, 6000), (120, 240), FINE, ""),
        ((4000, 5000, 6000), (149, 211), FINE, ""),
        ((4000, 5000, 6000), (240, 120), "one connection is wrong", "the phase sequence is reversed: exchange two"),
        ((4000, 5000, 6000), (0, 240), "one connection is wrong", "the voltages of L2 (Y) and L3 (B) follow L1 (R) by 0°"),
        ((4000, -5000, 6000), (120, 240), "one connection is wrong", "the current of phase L2 (Y) flows backwards"),
        ((-4000, -5000, 6000), (240, 120), "3 of the phases' connections are wrong", "the current of phase L1 (R)"),
        # 5 W on the meter's side of 200/5 A are 200 W of the line.
        ((4000, -199, 6000), (120, 240),
         f"{FINE}; not checked: the direction of L2 (Y), which draws less than 200 W", ""),
        ((-4000, -5000, -6000), (120, 240), FINE, ""),
    ],
)  # fmt: skip
def test_the_sequence_and_the_signs_of_the_powers_are_judged(watts, degrees, found, says):
    outcome = wiring_of(registers(watts, degrees))
    assert (outcome.passed, outcome.found) == (not says, found)
    assert outcome.says.startswith(says)


def test_what_a_roof_feeds_in_by_agreement_is_no_fault_and_what_was_not_checked_is_said():
    assert not wiring_of(registers((4000, -5000, 6000), (120, 240))).passed
    agreed = wiring_of(registers((4000, -5000, 6000), (120, 240)), feeds_in=True)
    assert (agreed.passed, agreed.found) == (
        True,
        f"{FINE}; not checked: the sign of each phase's power, as net metering is agreed",
    )
    bare = wiring_of(None, device_type="urja-d2-dg")
    assert (bare.passed, bare.found) == (
        True,
        f"{FINE}; not checked: phase sequence, the sign of each phase's power",
    )
    refused = wiring_of({"1.0.36.7.0.255": read(4000, "W")})
    assert refused.found == bare.found


def test_a_call_fails_where_two_phases_are_exchanged_and_passes_once_they_are_not(database):
    connect()
    stock(1, device_type="urja-d3", load_switch=False, firmware="")
    install_meter(1)
    for degrees, state in (((240, 120), "failed"), ((120, 240), "passed")):
        call()
        run()
        answer(NOW, pushes=typed_pushes("urja-d3"), registers=registers((4000, 5000, 6000), degrees))
        run()
        assert [one.state for one in calls()].count(state) == 1
    assert period().commissioned_at is not None
