"""What is promised counts from when all that is needed runs again; a promise that is broken then is seen."""

from datetime import timedelta

import pytest
from tests.apps.town import START, adopt

from urja.base.json_files import DamagedFileError
from urja.demo import town_laws
from urja.laws.downtime import DowntimeLog, Downtimes, read_downtimes
from urja.laws.meter_histories import MeterHistory

HOUR = timedelta(hours=1)
PROMISED = HOUR


def at(hours: float):
    return START + hours * HOUR


def outages(*spans: tuple[float, float]) -> Downtimes:
    return Downtimes(tuple((at(begins), at(ends)) for begins, ends in spans))


# -- the record ------------------------------------------------------------------------------------------------


def test_a_stretch_begins_with_the_first_that_is_down_and_ends_with_the_last_that_is_back(tmp_path):
    log = DowntimeLog(tmp_path / "outages")
    for hours, process, ready in [
        (0, "nats", True),
        (0, "headend", False),
        (1, "headend", True),
        (2, "headend", False),
        (2, "headend", False),
        (3, "nats", False),
        (4, "headend", True),
        (4.5, "web", False),
        (5, "nats", True),
        (6, "nats", False),
    ]:
        log.note(process, at(hours), ready=ready)
    found = read_downtimes(tmp_path / "outages", {"nats", "headend"})
    assert found.spans[:2] == outages((0, 1), (2, 5)).spans
    [(begins, ends)] = found.spans[2:]
    assert begins == at(6)
    assert ends > at(1_000_000)
    assert len((tmp_path / "outages").read_bytes().splitlines()) == 9


def test_a_line_torn_by_a_kill_is_cut_off_and_a_damaged_record_is_said(tmp_path):
    path = tmp_path / "outages"
    DowntimeLog(path).note("nats", at(0), ready=False)
    with path.open("ab") as file:
        file.write(b'{"process":"na')
    DowntimeLog(path).note("nats", at(1), ready=True)
    assert read_downtimes(path, {"nats"}) == outages((0, 1))
    path.write_bytes(b"flour\n")
    with pytest.raises(DamagedFileError, match="outages is damaged"):
        read_downtimes(path, {"nats"})


@pytest.mark.parametrize(
    ("spans", "due"),
    [
        ([], 1),
        ([(-2, -1)], 1),
        ([(-1, 0)], 1),
        ([(-1, 2)], 3),
        ([(0.5, 2)], 3),
        ([(1, 2)], 1),
        ([(0.5, 2), (2.5, 4), (5, 9)], 5),
    ],
)
def test_what_is_promised_is_due_after_the_first_stretch_that_is_long_enough(spans, due):
    assert outages(*spans).due_at(at(0), PROMISED) == at(due)


@pytest.mark.parametrize(
    ("spans", "judged"),
    [
        ([], 9),
        ([(2, 3)], 9),
        ([(8, 9)], 9),
        ([(8, 9.5)], 7),
        ([(6, 7), (7.5, 9.5)], 5),
        ([(6, 12)], 5),
        ([(11, 12)], 9),
    ],
)
def test_by_now_is_due_what_was_promised_before_the_last_outage_that_left_no_time(spans, judged):
    assert outages(*spans).last_due(at(10), PROMISED) == at(judged)


# -- the laws --------------------------------------------------------------------------------------------------


@pytest.fixture
def broken(database):
    """Which laws an order for so many hours breaks, that was given at 0 and never carried out."""

    def examined(lasts: float, *spans: tuple[float, float]) -> set[str]:
        from urja.apps.commands import operations

        place = adopt(serial="S1")
        operations.issue(
            device_id=place.device_id,
            service_point_id=place.service_point_id,
            kind="disconnect",
            issued_at=at(0),
            issued_wall_ms=1,
            expires_at=at(lasts),
            reason="test",
            correlation=1,
        )
        now = at(100)
        operations.expire(now, 1, now)
        with database.connect() as connection:
            found = town_laws.examine_reached(
                connection, {"S1": MeterHistory()}, now, PROMISED, switching=outages(*spans)
            )
        return {finding.law for finding in found if not finding.holds}

    return examined


@pytest.mark.parametrize(
    ("lasts", "spans"),
    [
        (5, [(0.1, 4.5)]),
        (5, [(0.5, 1), (1.5, 2), (2.5, 3), (3.5, 4.2)]),
        # Its time is short, and what is needed has only just come back.
        (0.5, [(-3, -0.2)]),
        (5, [(-3, 90)]),
    ],
    ids=["killed in its time", "killed again and again", "killed before", "never back"],
)
def test_an_order_that_had_no_time_while_all_ran_breaks_no_law(broken, lasts, spans):
    assert broken(lasts, *spans) == set()


@pytest.mark.parametrize(
    ("lasts", "spans"),
    [
        (5, []),
        (0.5, []),
        (5, [(0.5, 1)]),
        (5, [(2, 5)]),
        (0.5, [(-3, -2)]),
        (0.5, [(0.6, 9)]),
    ],
    ids=["no kill", "no kill, short", "long back", "killed late", "killed long before", "killed after"],
)
def test_an_order_that_was_not_carried_out_while_all_ran_breaks_the_law(broken, lasts, spans):
    assert broken(lasts, *spans) == {"reachable_obeys"}
