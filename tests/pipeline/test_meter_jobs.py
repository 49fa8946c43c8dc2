"""Meter jobs: requested as an operation, sent a bounded number at a time, with a state and an answer for each meter."""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from tests.apps.town import START, adopt
from tests.cosem.meter_types import write_type
from tests.pipeline.test_addresses import in_the_rights_of
from tests.pipeline.test_dispatch import town  # noqa: F401 - a fixture
from tests.usecases.life import connect, install_meter, stock

from urja.cosem.companion import read_type_folder
from urja.meter.inputs import SetBillingDay

HOUR = timedelta(hours=1)
NOW = START + HOUR
KOLKATA = ZoneInfo("Asia/Kolkata")


def serial(number):
    return f"URJ{number:08}"


def ask(now=NOW, *, kind="read_meters", **more):
    """Have an operation done; the job that it made."""
    from urja.apps.meter_jobs.models import Job
    from urja.usecases.operations import BY_KIND, perform

    entry = perform(BY_KIND[kind](**{"reason": "a complaint"} | more), recorded_at=now, actor="user 1")
    return Job.objects.get(id=entry.outcome["job_id"])


def refused(*says, now=NOW, **more):
    from urja.apps.journal.errors import RefusedError

    with pytest.raises(RefusedError) as caught:
        ask(now, **more)
    assert [str(fault) for fault in caught.value.faults] == list(says)


def run(now=NOW):
    from urja.pipeline import meter_jobs

    return meter_jobs.run_once(now, 1).done


def states(job):
    return list(job.tasks.order_by("position").values_list("state", flat=True))


def said(job):
    from urja.base.sentences import from_plain

    return [str(from_plain(task.detail)) for task in job.tasks.order_by("position")]


def commands():
    from urja.apps.commands.models import Command

    return list(Command.objects.order_by("id"))


def progress(command, state="confirmed", at=NOW, evidence=None, detail="", **more):
    from urja.apps.commands import operations
    from urja.stream.orders import Progress

    operations.record_progress(
        [
            Progress(
                command_id=command.id,
                device_id=command.device_id,
                sequence=command.sequence,
                state=state,
                at=at,
                wall_ms=1,
                evidence=evidence or {},
                detail=detail,
                **more,
            )
        ]
    )


# -- a life ------------------------------------------------------------------------------------------------------


def test_a_job_is_sent_answered_and_ends(database):
    adopt(1)
    adopt(2)
    job = ask(meters=(serial(1), serial(2)), what="daily")
    assert states(job) == ["waiting", "waiting"]
    assert (run(), run()) == (2, 0)
    assert states(job) == ["sent", "sent"]
    first, second = commands()
    assert (first.kind, first.arguments["profile"], first.expires_at) == ("read_profile", "daily", NOW + HOUR)
    progress(first, evidence={"rows": 7})
    progress(second, "failed", detail="refused: no such object")
    assert run(NOW) == 3, "two rows and the job"
    assert states(job) == ["done", "failed"]
    assert said(job) == ["", "the meter did not carry out the command: refused: no such object"]
    assert job.tasks.get(position=1).result == {"rows": 7}
    job.refresh_from_db()
    assert job.ended_at == NOW
    assert run() == 0


def test_what_was_not_reached_says_what_to_do(database):
    adopt(1)
    job = ask(meters=(serial(1),))
    run()
    progress(commands()[0], "expired", detail="no listener")
    run()
    assert states(job) == ["expired"]
    assert said(job) == [
        "the meter was not reached in time (no listener): check antenna, SIM and address, then request it again"
    ]


def test_what_had_no_turn_expires(database, monkeypatch):
    from urja.apps.meter_jobs import operations

    monkeypatch.setattr(operations, "MOST_SENT", 1)
    adopt(1)
    adopt(2)
    job = ask(meters=(serial(1), serial(2)), good_for_minutes=10)
    run()
    assert states(job) == ["sent", "waiting"]
    run(NOW + timedelta(minutes=10))
    assert states(job) == ["sent", "expired"]
    assert "expired before this meter's turn" in said(job)[1]


def test_a_cancelled_job_sends_no_more(database, monkeypatch):
    from urja.apps.meter_jobs import operations

    monkeypatch.setattr(operations, "MOST_SENT", 1)
    adopt(1)
    adopt(2)
    job = ask(meters=(serial(1), serial(2)))
    run()
    ask(kind="cancel_meter_job", job_id=job.id, reason="enough")
    assert states(job) == ["sent", "cancelled"]
    refused(f"job {job.id} was cancelled already", kind="cancel_meter_job", job_id=job.id)
    progress(commands()[0])
    run()
    job.refresh_from_db()
    assert (states(job), job.ended_at, job.cancelled_by) == (["done", "cancelled"], NOW, "user 1")
    refused("there is no job 5", kind="cancel_meter_job", job_id=5)


def test_nothing_is_left_to_cancel(database):
    adopt(1)
    job = ask(meters=(serial(1),))
    run()
    refused(
        f"job {job.id} has no pending rows: all were sent",
        kind="cancel_meter_job",
        job_id=job.id,
    )


def test_a_meter_that_was_removed_meanwhile_is_not_asked(database):
    from tests.apps.town import remove

    adopt(1)
    job = ask(meters=(serial(1),))
    remove(1, NOW)
    run()
    assert states(job) == ["refused"]
    assert said(job) == [f"meter {serial(1)} is not installed at {serial(1)} any more"]
    assert commands() == []


# -- the pace ----------------------------------------------------------------------------------------------------


def test_so_many_at_a_time_and_the_jobs_take_turns(database, monkeypatch):
    from urja.apps.meter_jobs import steps, steps_by_kind

    monkeypatch.setitem(
        steps_by_kind.STEPS, "read_meters", steps.OneCommand(steps_by_kind.STEPS["read_meters"].command_of, 3)
    )
    for number in range(1, 7):
        adopt(number)
    large = ask(meters=tuple(serial(number) for number in range(1, 6)))
    small = ask(meters=(serial(6),))
    run()
    assert (states(large), states(small)) == (["sent", "sent", "waiting", "waiting", "waiting"], ["sent"])
    assert run() == 0, "there is no room"
    progress(commands()[0])
    run()
    assert states(large)[:3] == ["done", "sent", "sent"]


def test_a_meter_out_of_reach_does_not_keep_others_waiting(database, monkeypatch):
    from urja.apps.meter_jobs import steps, steps_by_kind

    monkeypatch.setitem(
        steps_by_kind.STEPS, "read_meters", steps.OneCommand(steps_by_kind.STEPS["read_meters"].command_of, 1)
    )
    adopt(1)
    adopt(2)
    job = ask(meters=(serial(1), serial(2)))
    run()
    assert states(job) == ["sent", "waiting"]
    progress(commands()[0], "trying", detail="unreachable", again_at=NOW + timedelta(minutes=1))
    run()
    assert states(job) == ["sent", "sent"]


# -- what is asked -------------------------------------------------------------------------------------------------


def test_each_bad_row_has_its_sentence(database):
    adopt(1)
    connect("C-1")
    stock(5)
    stock(6)
    stock(7)
    install_meter(5, place="C-1")
    install_meter(6, place="C-1", role="check")
    connect("C-2")
    rows = (serial(1), "NONE", serial(7), "C-2", "C-1", serial(1))
    faults = [
        "row 2: there is no meter and no service point NONE",
        f"row 3: meter {serial(7)} is not installed anywhere",
        "row 4: no meter is installed at C-2",
        f"row 5: 2 meters are installed at C-1: name one by its serial ({serial(5)}, {serial(6)})",
        f"row 6: {serial(1)} is the same meter as in row 1",
    ]
    later = START + 3 * HOUR
    refused(*faults, now=later, meters=rows)
    job = ask(later, meters=rows, good_rows_only=True)
    assert states(job) == ["waiting", *["refused"] * 5]
    assert said(job)[1:] == [fault.partition(": ")[2] for fault in faults]
    refused(
        "no row names a suitable meter",
        "row 1: there is no meter and no service point x",
        faults[0],
        now=later,
        good_rows_only=True,
        meters=("x", "NONE"),
    )


def test_a_number_that_means_two_meters(database):
    """The serial of one meter is the consumer number of another's connection."""
    adopt(1)
    connect("URJ00000005")
    stock(5)
    connect("C-1")
    install_meter(5, place="C-1")
    refused(
        "no row names a suitable meter",
        "row 1: URJ00000005 is the serial number of one meter and the consumer number of another: name the meter by the other number",
        now=START + 2 * HOUR,
        meters=("URJ00000005",),
    )


def test_all_under_a_node(database):
    from urja.usecases.operations import add_transformer

    add_transformer("T1", feeder="F1", recorded_at=START, actor="test")
    adopt(1, transformer="T1")
    adopt(2, transformer="T1")
    adopt(3)
    for node in ("transformer T1", "feeder F1"):
        job = ask(under=node)
        assert list(job.tasks.order_by("position").values_list("named", flat=True)) == [serial(1), serial(2)]
    refused("there is no node feeder F9: give a level and a code, such as section North-2", under="feeder F9")
    refused(
        "give either a list of serial or consumer numbers, or a node",
        under="feeder F1",
        meters=(serial(1),),
    )


def test_a_type_without_a_billing_profile_is_not_asked_for_it(database, tmp_path):
    from urja.apps.meter_types.operations import load_type

    load_type(read_type_folder(write_type(tmp_path / "m7")), loaded_at=START, actor="test")
    adopt(1)
    adopt(2, device_type="acme-m7-fw3")
    refused(
        f"row 2: meter {serial(2)} has no billing profile: its type is acme-m7-fw3",
        what="billing-profile",
        meters=(serial(1), serial(2)),
    )
    ask(what="billing-profile", meters=(serial(1), serial(2)), good_rows_only=True)
    run()
    [command] = commands()
    assert (command.kind, command.arguments) == ("read_billing", {})


def test_what_cannot_be_asked_is_said(database, monkeypatch):
    from urja.usecases import meter_jobs

    adopt(1)
    adopt(2)
    one = (serial(1),)
    refused("give a reason", meters=one, reason=" ")
    refused("a job is valid for 1 to 10080 minutes, not 0", meters=one, good_for_minutes=0)
    refused("instantaneous has no period: leave the period out", meters=one, from_at=NOW)
    refused(
        "the period ends at 2026-03-01T19:30:00+00:00, before it begins at 2026-03-01T20:30:00+00:00",
        meters=one, what="block", from_at=NOW + HOUR, to_at=NOW,
    )  # fmt: skip
    refused(
        "block can be read for at most 31 days: request a shorter period",
        meters=one,
        what="block",
        from_at=NOW - timedelta(days=32),
    )
    monkeypatch.setattr(meter_jobs, "_METERS", replace(meter_jobs._METERS, most=1))
    refused("a job has at most 1 meters, not 2", meters=(serial(1), serial(2)))
    monkeypatch.setattr(meter_jobs, "MAX_UNFINISHED", 1)
    ask(meters=one)
    refused(
        "other jobs have 1 unfinished meters, and at most 1 are allowed at once: wait for them, or cancel a job",
        meters=(serial(2),),
    )


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            "नमस्ते",
            "a display shows only ASCII letters, digits and punctuation: write the text with them, in one line",
        ),
        (
            "two\nlines",
            "a display shows only ASCII letters, digits and punctuation: write the text with them, in one line",
        ),
    ],
)
def test_a_text_that_no_display_shows(database, text, says):
    adopt(1)
    refused(says, kind="show_text", meters=(serial(1),), text=text)


def test_a_text_is_bounded_by_the_type_and_some_types_show_none(database):
    adopt(1)
    adopt(2, device_type="urja-dt", load_switch=False)
    rows = (serial(1), serial(2))
    no_display = f"row 2: meter {serial(2)} cannot show texts: its type is urja-dt"
    refused(
        "no row names a suitable meter",
        f"row 1: the display of {serial(1)} shows at most 16 characters, and the text has 17",
        no_display,
        kind="show_text", meters=rows, text="x" * 17,
    )  # fmt: skip
    refused(no_display, kind="show_text", meters=rows, text="x" * 16)
    job = ask(kind="show_text", meters=rows, text="", good_rows_only=True)
    run()
    assert states(job) == ["sent", "refused"]
    assert (commands()[0].kind, commands()[0].arguments) == ("show_text", {"text": ""})


# -- over real sockets -----------------------------------------------------------------------------------------------


async def led(town, job, house):  # noqa: F811
    """Run what a pipeline runs until a job has ended."""
    stage = await town.stage()
    async with asyncio.timeout(60), town.headend(), house.listening():
        while not await town.in_thread(_ended, job):
            await town.in_thread(run, town.clock.now())
            await stage.run_once(town.clock.now())


def _ended(job):
    job.refresh_from_db()
    return job.ended_at is not None


async def read(town, house, **more):  # noqa: F811
    """Read a house's meter by a job; its result."""
    job = await town.in_thread(lambda: ask(town.clock.now(), meters=(house.identity.serial,), **more))
    await led(town, job, house)
    task = await town.in_thread(lambda: job.tasks.get())  # noqa: PLW0108 - a frame of the test
    assert task.state == "done", task.detail
    return task.result


def values(table, row=-1):
    """Name -> (value, unit) of a row that is shown."""
    return {
        column["name"]: (cell, column["unit"])
        for column, cell in zip(table["columns"], table["rows"][row], strict=True)
    }


async def test_an_instantaneous_read_is_shown_and_stored(town, database):  # noqa: F811
    house = await town.raise_house()
    result = await read(town, house)
    (table,) = result["shown"]
    shown = values(table)
    register_wh = int(shown["Active energy import (+A) total"][0])
    assert shown["Active energy import (+A) total"] == (str(register_wh), "Wh")
    scalers = {column["name"]: column["scaler"] for column in table["columns"]}
    assert scalers["Active energy import (+A) total"] == 0
    assert scalers["Power factor"] == -3
    assert shown["Voltage"][1] == "V"
    assert shown["Clock"][0].startswith(town.clock.now().date().isoformat())
    stored = await ingested(town, database)
    with database.connect("urja_owner") as owner:
        rows = owner.execute("SELECT values[1], source FROM readings_register WHERE kind = 1").fetchall()
    assert (stored, rows) == (1, [(register_wh, 2)])


async def ingested(town, database):  # noqa: F811
    """Run the stage `ingest` on what came; how many messages."""
    from urja.pipeline.ingest import Ingest, Ingester
    from urja.pipeline.stage import StageConnection

    consumer = await town.broker.consume("READINGS")
    session = StageConnection(database.conninfo("urja_pipeline"))
    report = await Ingest(consumer, Ingester(session, "Asia/Kolkata"), town.clock).run_once(town.clock.now())
    await consumer.close()
    session.close()
    return report.done


async def test_block_load_daily_events_and_nameplate(town):  # noqa: F811
    house = await town.raise_house()
    now = town.clock.now()
    blocks = await read(town, house, what="block", from_at=now - timedelta(hours=6), to_at=now)
    (table,) = blocks["shown"]
    assert (blocks["rows"], len(table["rows"]), table["of"]) == (12, 12, 12)
    assert values(table)["Block energy, active import"][1] == "Wh"
    daily = await read(town, house, what="daily")
    assert daily["rows"] == len(daily["shown"][0]["rows"]) >= 1
    events = await read(town, house, what="power-events")
    assert events["rows"] == sum(len(table["rows"]) for table in events["shown"])
    plate = await read(town, house, what="nameplate")
    assert values(plate["shown"][0])["Meter serial number"] == (house.identity.serial, "")


async def test_the_billing_profile_is_shown_and_stored(town, database):  # noqa: F811
    """The end of a period, the register and the greatest demand then."""
    house = await town.raise_house()
    ends = (town.clock.now() + timedelta(days=1)).astimezone(KOLKATA).replace(hour=0, minute=0)
    house.meter.apply_input(SetBillingDay(ends.day))
    town.clock.advance(timedelta(days=1))
    house.meter.run_without_pushing(town.clock.now())
    result = await read(town, house, what="billing-profile")
    (table,) = result["shown"]
    assert (table["profile"], table["of"], len(table["rows"])) == ("1.0.98.1.0.255", 1, 1)
    shown = values(table)
    assert datetime.fromisoformat(shown["Billing date"][0]) == ends
    [*_, (stamp_s, _, register_wh, *_)] = house.meter.engine.daily.by_entry(1, 0).tolist()
    assert stamp_s == ends.timestamp()
    assert shown["Active energy import (+A) total"] == (str(register_wh), "Wh")
    scalers = {column["name"]: column["scaler"] for column in table["columns"]}
    assert scalers["Active energy import (+A) total"] == 0
    assert scalers["Average power factor of the billing period"] == -3
    [demand] = [
        name
        for name in shown
        if "maximum" in name.lower() and "active" in name.lower() and "time" not in name
    ]
    assert int(shown[demand][0]) > 0
    assert shown[demand][1] == "W"
    assert ends - timedelta(days=2) < datetime.fromisoformat(shown[f"{demand}, time"][0]) <= ends
    assert 0 < float(shown["Average power factor of the billing period"][0]) <= 1
    assert result["rows"] == await ingested(town, database) == 1
    with database.connect("urja_owner") as owner:
        ((at, register, highest_w),) = owner.execute(
            "SELECT r.read_at, r.values[1], r.values[array_position(c.quantities, 3000)] FROM readings_register r"
            " JOIN readings_channel_set c ON c.id = r.channel_set WHERE r.kind = 3"
        ).fetchall()
    assert (at, register, highest_w) == (ends, register_wh, int(shown[demand][0]))


async def test_one_meter_answers_and_one_is_away(town):  # noqa: F811
    """Real sockets: the good row is done while the other one, that no head end reaches, expires with the job."""
    here, away = await town.raise_house(1), await town.raise_house(2)
    job = await town.in_thread(
        lambda: ask(town.clock.now(), meters=(here.identity.serial, away.identity.serial), good_for_minutes=5)
    )
    stage = await town.stage()
    async with asyncio.timeout(60), town.headend(), here.listening():
        while await town.in_thread(states, job) != ["done", "sent"]:
            await town.in_thread(run, town.clock.now())
            await stage.run_once(town.clock.now())
        town.clock.advance(timedelta(minutes=6))
        while not await town.in_thread(_ended, job):
            await town.in_thread(run, town.clock.now())
            await stage.run_once(town.clock.now())
    assert await town.in_thread(states, job) == ["done", "expired"]


async def test_a_clock_is_set_and_its_drift_told(town):  # noqa: F811
    house = await town.raise_house()
    now = town.clock.now()
    house.meter.set_clock(now - timedelta(minutes=7))
    result = await read(town, house, kind="set_clocks")
    assert (result["was_off_s"], result["is_off_s"]) == (-420, 0)
    assert result["clock_at"] == now.isoformat()


async def test_a_text_is_shown_and_taken_away(town):  # noqa: F811
    from urja.cosem.obis import Obis

    house = await town.raise_house()
    message = Obis.parse("0.0.96.13.0.255")
    assert (await read(town, house, kind="show_text", text="Office closed"))["text"] == "Office closed"
    assert house.meter.settings[message].value == b"Office closed"
    await read(town, house, kind="show_text", text="")
    assert house.meter.settings[message].value == b""


def test_jobs_are_kept_for_so_long_and_what_asked_for_them_stays(database):
    """By the pipeline's own right; of a job that has not ended nothing is forgotten, however old it is."""
    from urja.apps.commands.models import Command
    from urja.apps.journal.models import AuditEntry
    from urja.apps.meter_jobs.models import Job, Task
    from urja.pipeline import meter_jobs

    adopt(1)
    old, younger, still = (ask(meters=(serial(1),)) for _ in range(3))
    run()
    Task.objects.update(state="done", ended_at=NOW)
    Job.objects.filter(id=old.id).update(ended_at=NOW)
    Job.objects.filter(id=younger.id).update(ended_at=NOW + HOUR)
    Command.objects.update(state="confirmed", ended_at=NOW, ended_wall_ms=1)

    def forget(now):
        with in_the_rights_of("urja_pipeline"):
            return meter_jobs.delete_old(now, timedelta(days=400)).done

    Task.objects.filter(job=still).update(state="sent", ended_at=None)
    assert forget(NOW + timedelta(days=400)) == 0
    assert Job.objects.count() == 3
    assert [forget(NOW + timedelta(days=400, minutes=30)) for _ in range(2)] == [1, 0]
    assert set(Job.objects.values_list("id", flat=True)) == {younger.id, still.id}
    assert Task.objects.count() == 2
    assert AuditEntry.objects.filter(id=old.id).exists()
    assert Command.objects.count() == 3
