"""The statement over all supplies agrees with the Python type for each one, whatever messages came in."""

import random
from datetime import timedelta

import pytest
from tests.apps.town import START, adopt
from tests.conftest import begun_with

from urja.core.power import LastMessage, NoPower, NotCommunicating, Powered, outage_since, power_at_meter

MINUTE = timedelta(minutes=1)
NOW = START + timedelta(hours=12)
ON = (("T1", "North"), ("T1", "North"), ("T1", "North"), ("T2", "North"), ("T2", "North"), ("T3", "South"))


def with_feeders(database):
    from urja.usecases.operations import add_transformer

    for code, feeder in sorted(set(ON)):
        add_transformer(code, feeder=feeder, recorded_at=START, actor="test")
    return [adopt(number, transformer=code) for number, (code, _) in enumerate(ON, 1)]


database, town = begun_with(with_feeders)


def hear(database, town, heard):
    with database.connect() as owner:
        owner.execute("TRUNCATE readings_heard")
        for home, one in zip(town, heard, strict=True):
            if one is not None:
                owner.execute(
                    "INSERT INTO readings_heard VALUES (%s, %s, %s)", [home.device_id, one.at, one.last_gasp]
                )


def of_the_type(heard):
    """Of each supply its state and since when, written out from the type alone."""
    for number, one in enumerate(heard):

        def behind(level, number=number):
            return [
                other
                for place, other in zip(ON, heard, strict=True)
                if other and place[level] == ON[number][level]
            ]

        outage = outage_since(behind(0)) or outage_since(behind(1))
        match power_at_meter(one, timedelta(minutes=30), NOW, outage):
            case Powered(heard_at=at):
                yield "powered", at
            case NoPower(since=at):
                yield "no_power", at
            case NotCommunicating(since=at):
                yield "not_heard_from", at


def stated():
    from django.db import connection

    from urja.apps.supply.queries.power import STATES, sleeping_parameters

    with connection.cursor() as cursor:
        cursor.execute(
            f"WITH {STATES} SELECT state, since FROM state ORDER BY service_point_id",
            {"now": NOW, **sleeping_parameters(NOW)},
        )
        return cursor.fetchall()


@pytest.mark.parametrize("seed", range(12))
def test_the_statement_says_what_the_type_says(database, town, seed):
    from urja.apps.supply.queries.power import power_by_transformer

    chance = random.Random(seed)
    for _ in range(10):
        share = chance.choice([0.2, 0.6, 0.9])
        heard = [
            chance.choice(
                [None, *[LastMessage(NOW - chance.randrange(240) * MINUTE, chance.random() < share)] * 7]
            )
            for _ in ON
        ]
        hear(database, town, heard)
        expected = list(of_the_type(heard))
        assert stated() == expected
        counted = power_by_transformer(NOW)
        assert sum(one.counts.total for one in counted) == len(ON), "each is counted once"
        assert sum(one.counts.no_power for one in counted) == [state for state, _ in expected].count(
            "no_power"
        )


def test_a_feeder_that_is_down_is_counted_with_those_whose_last_gasp_was_lost(database, town):
    from urja.apps.supply.queries.power import power_by_transformer

    out = NOW - 60 * MINUTE
    lost = [LastMessage(out, last_gasp=True), LastMessage(out - 20 * MINUTE)]
    hear(database, town, [*lost, lost[1], *lost, LastMessage(NOW - MINUTE)])
    told = {
        (one.transformer, one.counts.no_power, one.counts.powered, one.since)
        for one in power_by_transformer(NOW)
    }
    assert told == {("T1", 3, 0, out), ("T2", 2, 0, out), ("T3", 0, 1, None)}
