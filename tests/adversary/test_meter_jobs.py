"""A thief who holds the web's database role tries to have meters told something by the tables of the jobs.

Jobs are made by the pipeline from requests that it judges; what a job's row says is not the web's to write.
"""

from datetime import timedelta

import pytest
from tests.adversary.test_stolen_web import house, refused, thief  # noqa: F401 - fixtures
from tests.apps.town import START, ZONE, adopt
from tests.pipeline.test_post import load as load_tariff

JOB = (
    "INSERT INTO meter_jobs_job (id, kind, arguments, reason, actor, asked_at, expires_at, meters, cancelled_by) "
    "VALUES (9, 'read_meters', '{}', 'x', 'user 1', now(), now() + interval '1 hour', 1, '')"
)


@pytest.fixture
def job(house):  # noqa: F811
    """A job of the house's meter, requested by an authorised person."""
    from tests.pipeline.test_meter_jobs import ask

    return ask(meters=("URJ00000001",))


def test_no_job_can_be_made_changed_or_taken_away(thief, house, job):  # noqa: F811
    refused(thief, JOB)
    refused(
        thief,
        "INSERT INTO meter_jobs_task (job_id, position, named, device_id, service_point_id, state, progress, result, "
        "detail) VALUES (%s, 2, 'x', %s, %s, 'waiting', '{}', '{}', '\"\"')",
        (job.id, house.device_id, house.service_point_id),
    )
    for change in ("kind = 'connect'", "arguments = '{}'", "ended_at = now()", "expires_at = now()"):
        refused(thief, f"UPDATE meter_jobs_job SET {change}")
    for change in ("state = 'waiting'", "result = '{}'", "device_id = device_id", "command_id = NULL"):
        refused(thief, f"UPDATE meter_jobs_task SET {change}")
    refused(thief, "DELETE FROM meter_jobs_task")
    refused(thief, "DELETE FROM meter_jobs_job")
    refused(thief, "TRUNCATE meter_jobs_task")


def test_no_command_can_be_placed(thief, house):  # noqa: F811
    refused(
        thief,
        "INSERT INTO commands_command (id, device_id, service_point_id, kind, arguments, sequence, state, reason, "
        "cause_correlation, issued_at, issued_wall_ms, expires_at) VALUES (1, %s, %s, 'set_clock', '{}', 1, 'queued', "
        "'x', 0, now(), 0, now() + interval '1 hour')",
        (house.device_id, house.service_point_id),
    )


@pytest.mark.parametrize(
    "kind",
    [
        "read_meters",
        "set_clocks",
        "set_calendars",
        "reset_demands",
        "show_text",
        "change_keys",
        "test_relays",
    ],
)
def test_a_request_without_a_person_reads_no_meter(thief, house, kind):  # noqa: F811
    """The web may record any request; the stage judges by what the actor is, and makes no job of it."""
    import json

    from urja.apps.journal.models import Request
    from urja.apps.meter_jobs.models import Job
    from urja.pipeline.register import run_once as answer_requests

    content = {"meters": ["URJ00000001"], "reason": "x"}
    thief.execute(
        "INSERT INTO journal_request (id, kind, content, dry_run, actor, requested_at) "
        "VALUES (77, %s, %s, false, 'user 4711', %s)",
        (kind, json.dumps(content), START),
    )
    answer_requests(START)
    assert Request.objects.get(id=77).state == "refused"
    assert not Job.objects.exists()


def test_staff_of_one_section_read_no_meter_of_another(database):
    """A session that is taken over asks no further than its person may, by list and by node alike."""
    from urja.apps.identity.errors import OutOfAreaError
    from urja.apps.identity.queries.access import caller_of_user
    from urja.apps.network.kinds import Tree
    from urja.apps.network.models import Node, Placement
    from urja.apps.overviews.queries.authorization import authorize
    from urja.usecases.operations import ReadMeters, employ

    stamp = {"recorded_at": START, "actor": "test"}
    for number, code in ((1, "A"), (2, "B")):
        one = adopt(number, bucket=number)
        node = Node.objects.create(
            id=700 + number, tree=Tree.ADMINISTRATION, level="section", code=code, **stamp
        )
        Placement.objects.create(
            id=800 + number, service_point_id=one.service_point_id, tree=Tree.ADMINISTRATION, node=node,
            valid_from=START, **stamp,
        )  # fmt: skip
    user = employ("x@example.org", "X", "clerk", "section A", recorded_at=START, actor="test")
    caller = caller_of_user(user.pk, START)
    authorize(caller, ReadMeters(meters=("URJ00000001", "NONE"), reason="x"), START)
    authorize(caller, ReadMeters(under="section A", reason="x"), START)
    for elsewhere in (
        {"meters": ("URJ00000001", "URJ00000002")},
        {"meters": ("URJ00000002",)},
        {"meters": ("NONE",)},
        {"under": "section B"},
        {"under": "section C"},
    ):
        with pytest.raises(OutOfAreaError):
            authorize(caller, ReadMeters(reason="x", **elsewhere), START)


# -- a clerk's session that was taken over ---------------------------------------------------------------------------


@pytest.fixture
def office(database):
    """A clerk without a passkey at hand for the thief, and three homes; three disconnections a day need a passkey."""
    from tests.apps.approvals.office import Person, home

    from urja.apps.approvals import thresholds
    from urja.core.approvals import bundled_thresholds

    text = bundled_thresholds().replace("actor = 20", "actor = 3").replace("default-1", "strict-1")
    thresholds.load(text, recorded_at=START, actor="test")
    for number in (1, 2, 3):
        home(number)
    return Person("anita"), Person("bharat")


def ask_for_tests(person, *numbers, **more):
    """A person's request that relays be tested, after the stages have judged it; its state."""
    from tests.apps.approvals.office import state_of, work

    from urja.usecases.operations import TestRelays

    request = person.ask(
        TestRelays(meters=tuple(f"URJ{number:08}" for number in numbers), reason="yearly", **more)
    )
    work()
    return request, state_of(request)


def test_switches_of_many_are_not_tested_without_a_passkey(office):
    from tests.apps.approvals.office import NOW, work

    from urja.apps.meter_jobs.models import Job
    from urja.apps.supply.models import Order
    from urja.pipeline import meter_jobs

    anita, _ = office
    request, state = ask_for_tests(anita, 1, 2, 3)
    assert state == "approval"
    meter_jobs.run_once(NOW, 1)
    assert (Job.objects.count(), Order.objects.count()) == (0, 0)
    anita.approve(request)
    work()
    assert Job.objects.get().meters == 3


def test_many_small_jobs_count_together(office):
    """What one job may not, three jobs of one meter may not either; nor a list, a node and a disconnection in turn."""
    anita, _ = office
    assert [ask_for_tests(anita, number)[1] for number in (1, 2, 3)] == ["done", "done", "approval"]


@pytest.mark.parametrize(("kind", "more"), [("set_clocks", {}), ("show_text", {"text": "Pay at once"})])
def test_many_meters_are_told_nothing_without_a_passkey(office, database, kind, more):
    """In one job or in several, whatever each of them says."""
    from tests.apps.approvals.office import NOW, state_of, work

    from urja.apps.approvals import thresholds
    from urja.apps.meter_jobs.models import Job
    from urja.core.approvals import bundled_thresholds
    from urja.laws.approvals import examine
    from urja.usecases.operations import BY_KIND

    text = bundled_thresholds().replace("actor = 100", "actor = 3").replace("default-1", "meters-1")
    thresholds.load(text, recorded_at=START, actor="test")
    operator = type(office[0])("omar", "control_room")

    def asked(*numbers):
        meters = tuple(f"URJ{number:08}" for number in numbers)
        request = operator.ask(BY_KIND[kind](meters=meters, reason="yearly", **more))
        work()
        return request

    assert [state_of(asked(1)), state_of(asked(2))] == ["done", "done"]
    request = asked(3)
    assert (state_of(request), Job.objects.count()) == ("approval", 2)
    operator.approve(request, NOW)
    work()
    assert Job.objects.count() == 3
    with database.connect() as owner:
        assert list(examine(owner, ZONE)) == []
        owner.execute("TRUNCATE approvals_answer")
        owner.execute("DELETE FROM approvals_waiting")
        [said] = examine(owner, ZONE)
    assert said == f"request {request.pk} ({kind}) was performed without approval: meters"


def test_no_job_goes_around_protection_or_the_night(office):
    """The thief asks at midnight, for homes that are protected by the time the job is led."""
    from tests.apps.approvals.office import NOW
    from tests.apps.town import protect

    from urja.apps.commands.models import Command
    from urja.pipeline import decide, meter_jobs
    from urja.usecases.policies import load_bundled_policy

    load_tariff()
    load_bundled_policy("plain.toml", recorded_at=START, actor="test")
    anita, _ = office
    assert ask_for_tests(anita, 1, 2, good_for_minutes=7 * 24 * 60)[1] == "done"
    protect(1, at=NOW)
    midnight = NOW + timedelta(hours=13, minutes=30)
    for now in (midnight, midnight + timedelta(hours=5)):
        meter_jobs.run_once(now, 1)
        decide.decide_due(now, 1)
        assert not Command.objects.filter(kind="disconnect").exists()
    morning = midnight + timedelta(hours=11)
    meter_jobs.run_once(morning, 1)
    decide.decide_due(morning, 1)
    [cut] = Command.objects.filter(kind="disconnect").select_related("device")
    assert cut.device.serial == "URJ00000002", "in the window, and of the home that nothing protects"
