"""Calendars of the rule book in meters, and demand resets: what the job sends is what the head end takes."""

from datetime import UTC, date, datetime, timedelta

import msgspec
from tests.apps.town import adopt
from tests.meter.helpers import MIDNIGHT_S, moment
from tests.pipeline.test_meter_jobs import NOW, ask, refused, run

from urja.headend.calendar_tables import read_tables
from urja.headend.commands.set_calendar import Arguments
from urja.meter.identity import seeded_identity
from urja.meter.inputs import ChangeSpecialDays, ScheduleCalendar, WriteCalendar
from urja.meter.meter import Meter


def load():
    """The calendar of the demonstration, three zones, in force from 1 January 2026."""
    from importlib.resources import files

    from urja.apps.rulebook import operations

    shipped = files("urja.core.calendars").joinpath("documents/demo-tod-2026-04.toml").read_text()
    return operations.load_calendar(
        shipped.replace("2026-04-01", "2026-01-01"), recorded_at=NOW, actor="test"
    )


def three_phase():
    return adopt(device_type="urja-d2")


def the_command():
    from urja.apps.commands.models import Command

    return Command.objects.get()


def meter_with(arguments):
    """A simulated meter that has been given these tables."""
    from urja.cosem import axdr

    meter = Meter(seeded_identity("00000001", "urja-d2", 7), moment(MIDNIGHT_S))
    tables = arguments.tables
    for attribute, data in (
        (6, axdr.octets(arguments.name.encode())),
        (7, tables.season_data()),
        (8, tables.week_data()),
        (9, tables.day_data()),
    ):
        meter.apply_input(WriteCalendar(attribute, axdr.encode(data).hex()))
    meter.apply_input(ScheduleCalendar(0))
    meter.apply_input(ChangeSpecialDays("write", axdr.encode(tables.special_day_data()).hex()))
    return meter


def test_a_meter_that_was_given_a_calendar_is_in_its_zone_at_each_minute(database):
    calendar = load()
    three_phase()
    ask(kind="set_calendars", meters=("URJ00000001",), calendar_code="demo-tod")
    run()
    command = the_command()
    assert command.kind == "set_calendar"
    arguments = msgspec.convert(command.arguments, Arguments, strict=False)
    assert (arguments.name, arguments.activate_at) == (calendar.sha256[:8], None)
    tables = arguments.tables
    assert (
        read_tables(tables.season_data(), tables.week_data(), tables.day_data(), tables.special_day_data())
        == tables
    )
    meter = meter_with(arguments)
    for day in (date(2026, 4, 5), date(2026, 8, 15), date(2027, 2, 28)):
        switches = calendar.table_of(day).switches
        midnight_s = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())
        for minute in range(0, 1440, 15):
            wanted = [zone for begins, zone in switches if begins <= minute][-1]
            assert meter.engine.calendar.zone_at(midnight_s + 60 * minute) == wanted


def test_a_calendar_is_sent_with_the_day_from_which_it_counts(database):
    load()
    three_phase()
    ask(kind="set_calendars", meters=("URJ00000001",), calendar_code="demo-tod", from_day=date(2026, 6, 1))
    run()
    arguments = msgspec.convert(the_command().arguments, Arguments, strict=False)
    assert arguments.activate_at == datetime(2026, 5, 31, 18, 30, tzinfo=UTC)


def test_what_no_meter_can_follow_is_refused(database):
    load()
    adopt(1)
    adopt(2, device_type="urja-d2")
    refused(
        "no row names a suitable meter",
        "row 1: meter URJ00000001 counts no tariff zones: its type is urja-d1",
        kind="reset_demands",
        meters=("URJ00000001",),
    )
    refused(
        "row 1: meter URJ00000001 counts no tariff zones: its type is urja-d1",
        kind="set_calendars",
        meters=("URJ00000001", "URJ00000002"),
        calendar_code="demo-tod",
    )
    refused(
        "there is no calendar none in force on that day: urja calendar load",
        kind="set_calendars",
        meters=("URJ00000002",),
        calendar_code="none",
    )
    refused(
        "a calendar comes into force on a later day than 2026-03-02, or at once",
        kind="set_calendars",
        meters=("URJ00000002",),
        calendar_code="demo-tod",
        from_day=date(2026, 3, 2),
    )


def test_a_demand_reset_is_a_command(database):
    three_phase()
    ask(kind="reset_demands", meters=("URJ00000001",))
    run()
    command = the_command()
    assert (command.kind, command.arguments) == ("reset_demand", {})


def test_only_the_desk_that_answers_for_bills_changes_what_they_are_counted_by():
    from urja.apps.identity.queries.roles import roles_allowed

    for kind in ("set_calendars", "reset_demands"):
        assert [role.value for role in roles_allowed(f"write:{kind}")] == ["revenue_officer"]


def held_by(device_id):
    from django.db import connection

    from urja.apps.determinants.meter_calendars import held

    with connection.cursor() as cursor:
        return held(cursor, [device_id]).get(device_id, [])


def answered(evidence, minute=5):
    """The head end reports what it read, or set; the job goes on."""
    from urja.apps.commands.models import Command

    at = NOW + timedelta(minutes=minute)
    Command.objects.exclude(state="confirmed").update(state="confirmed", ended_at=at, evidence=evidence)
    run(at)
    return at


def by_time_of_day():
    """A three-phase meter whose tariff has the calendar."""
    from tests.pipeline.test_post import TARIFF

    from urja.apps.rulebook import operations

    calendar = load()
    text = TARIFF.format(version="1", valid_from="2026-01-01", rate="3.00")
    operations.load_tariff(text.replace('code = "demo"', 'code = "demo"\ncalendar = "demo-tod"'), NOW)
    return calendar, three_phase()


def test_a_calendar_that_is_read_is_recorded_and_compared_with_the_tariffs(database):
    from tests.pipeline.test_meter_jobs import said

    from urja.core.calendar import Period
    from urja.core.calendars import activity_tables, plain_tables

    calendar, meter = by_time_of_day()
    same = plain_tables(activity_tables(calendar, Period(date(2026, 1, 1), date(2027, 1, 1))))
    job = ask(what="calendar", meters=("URJ00000001",))
    run()
    assert (the_command().kind, the_command().arguments) == ("read_calendar", {})
    at = answered({"name": "TOD", "tables": same})
    assert [task.state for task in job.tasks.all()] == ["done"]
    assert said(job) == [""]
    [found] = held_by(meter.device_id)
    assert (found.held_at, found.was_set, found.name) == (at, False, "TOD")
    assert found.tables == activity_tables(calendar, Period(date(2026, 1, 1), date(2027, 1, 1)))


def orders():
    from urja.apps.work.models import WorkOrder

    return list(WorkOrder.objects.all())


def test_a_difference_is_said_to_the_operator(database):
    from tests.pipeline.test_meter_jobs import said

    from urja.core.calendar import Period
    from urja.core.calendars import activity_tables, plain_tables

    calendar, _ = by_time_of_day()
    other = plain_tables(activity_tables(calendar, Period(date(2026, 1, 1), date(2027, 1, 1))))
    other["special_days"] = [{"index": 1, "day": "2026-03-17", "day_id": 2}]
    job = ask(what="calendar", meters=("URJ00000001",))
    run()
    answered({"name": "TOD", "tables": other})
    assert said(job) == [
        "the meter's calendar is not demo-tod of its tariff, from 2026-03-17 on: load it with set_calendars"
    ]
    [order] = orders()
    assert (order.kind, order.state) == ("calendar_differs", "open")
    assert order.asked == {"calendar": "demo-tod", "from_day": "2026-03-17"}
    right = plain_tables(activity_tables(calendar, Period(date(2026, 1, 1), date(2027, 1, 1))))
    for tables, state in ((other, "open"), (right, "withdrawn")):
        ask(what="calendar", meters=("URJ00000001",))
        run()
        answered({"name": "TOD", "tables": tables})
        assert [one.state for one in orders()] == [state]
    assert orders()[0].result == {"withdrawn": "the meter's calendar is the tariff's"}


def test_an_order_ends_by_its_own_reason_where_the_tariff_has_no_zones_any_more(database):
    from tests.pipeline.test_post import TARIFF

    from urja.apps.rulebook import operations
    from urja.core.calendar import Period
    from urja.core.calendars import activity_tables, plain_tables

    calendar, _ = by_time_of_day()
    other = plain_tables(activity_tables(calendar, Period(date(2026, 1, 1), date(2027, 1, 1))))
    other["special_days"] = [{"index": 1, "day": "2026-03-17", "day_id": 2}]
    for state in ("open", "withdrawn"):
        ask(what="calendar", meters=("URJ00000001",))
        run()
        answered({"name": "TOD", "tables": other})
        assert [one.state for one in orders()] == [state]
        operations.load_tariff(TARIFF.format(version="2", valid_from="2026-01-01", rate="3.00"), NOW)
    assert orders()[0].result == {"withdrawn": "the tariff has no time zones, so that no calendar is needed"}


def test_a_calendar_that_was_set_is_held_from_the_day_on_which_it_becomes_active(database):
    _, meter = by_time_of_day()
    ask(kind="set_calendars", meters=("URJ00000001",), calendar_code="demo-tod", from_day=date(2026, 6, 1))
    run()
    answered({"name": "x", "active": False, "activates_at": "2026-05-31T18:30:00+00:00"})
    [found] = held_by(meter.device_id)
    assert (found.held_at, found.was_set) == (datetime(2026, 5, 31, 18, 30, tzinfo=UTC), True)


def test_a_meter_without_zones_is_not_asked_for_a_calendar(database):
    adopt(1)
    refused(
        "no row names a suitable meter",
        "row 1: meter URJ00000001 counts no tariff zones: its type is urja-d1",
        what="calendar",
        meters=("URJ00000001",),
    )
