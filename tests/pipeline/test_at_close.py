"""Lines that settle at close: charged on the last day of their period from its determinants, and proven from what entries name."""

from dataclasses import replace
from datetime import date, timedelta
from fractions import Fraction

import pytest
from tests.apps import town as town_rows
from tests.apps.determinants.test_rows import load_tariff as load_calendar
from tests.apps.town import START, adopt, blocks, registers
from tests.pipeline.test_evidence import broken, falsify, why
from tests.pipeline.test_post import HALF_HOUR, Town
from tests.usecases.life import do

from urja.apps.journal.errors import RefusedError
from urja.core.rating import Measured

TARIFF = """
format = 1
code = "works"
version = "1"
title = "Workshop"
currency = "INR"
valid_from = 2026-01-01
period_starts_on = 4
[[line]]
name = "energy"
title = "Energy charge"
accrues = "slabs"
slabs = [{from = 0, rate = 5}]
[[line]]
name = "demand"
title = "Demand charge"
accrues = "demand"
billed = "recorded"
unit = "kW"
rate = 10
prorate = "none"
ratchet = {periods = 3, percent = 80}
excess = {above = "sanctioned", percent = 100}
[[line]]
name = "factor"
title = "Power factor"
accrues = "power-factor"
on = ["energy"]
table = [{up_to = "0.90", penalty = 1, per = "0.01", from = "0.90"}, {}]
[[line]]
name = "least"
title = "Minimum charge"
accrues = "minimum"
settles = "at-close"
rate = 200
prorate = "none"
on = ["energy"]
[[line]]
name = "duty"
title = "Electricity duty"
accrues = "percent"
percent = 5
on = ["energy", "demand"]
"""
"""Periods begin on the 4th: the agreement's first one has the days 2 and 3 March alone."""

PEAK = 20
"""The half hour of the first day that draws 6 kW of the 5 kW that are sanctioned."""


def load(text=TARIFF):
    from urja.apps.rulebook.operations import load_tariff

    load_tariff(text, START)


@pytest.fixture
def works(database):
    load()
    adopted = adopt(credit_minor=50_000, tariff_code="works")
    with database.connect() as connection:
        yield Town(connection, adopted)


def half_hours(works, day, numbers=range(48)):
    """Store half hours of the n-th day of 100 Wh and 125 VAh; that of the peak has 3000 Wh and 3750 VAh."""
    peak = {PEAK} if day == 1 else set()
    numbers = list(numbers)
    rows = blocks(
        works.adopted,
        *((works.midnight(day - 1) + n * HALF_HOUR, 3000 if n in peak else 100) for n in numbers),
    )
    rows["values"][:, 1] = [3750 if n in peak else 125 for n in numbers]
    rows["values"][:, 2] = 0
    town_rows.store_blocks(works.connection, rows, now=works.midnight(day) + HALF_HOUR)


def read(works, day):
    """Store the registers after `day` days."""
    rows = registers(works.adopted, (works.midnight(day), 10_000 + 4800 * day + 2900 * (day > 0)))
    rows["values"][:, 1] = 20_000 + 6000 * day + 3625 * (day > 0)
    rows["values"][:, 2] = 0
    town_rows.store_registers(works.connection, rows)


def live(works, days, first=1, missing=()):
    """Store and close days."""
    if first == 1:
        read(works, 0)
    for day in range(first, first + days):
        half_hours(works, day, [n for n in range(48) if day > 1 or n not in missing])
        read(works, day)
        works.run(day)


def rows_of(found):
    return [(row.label, str(row.quantity), row.unit, row.amount_minor) for row in found.rows]


def test_they_are_charged_by_the_close_of_the_last_day_and_not_before(works):
    live(works, 1)
    assert works.charged() == {"energy": 3850, "duty": 193}
    # The last day has begun: nothing of what its close will charge is in the fresh balance.
    half_hours(works, 2, range(10))
    assert works.fresh(1, timedelta(hours=5)).pending_minor == 500 + 25
    half_hours(works, 2)
    read(works, 2)
    # Nor after midnight, before the day is closed.
    assert works.fresh(2, timedelta(minutes=1)).pending_minor == 2400 + 120
    works.run(2)
    assert works.charged() == {
        "energy": 6250,
        "demand": 7000,  # 6 kW, and 1 kW above the sanctioned load at the same price again
        "factor": 625,  # 12.5 kWh by 15.625 kVAh: 0.80, ten steps below 0.90
        "least": 13_750,  # 200.00 less 62.50
        "duty": 663,
    }
    assert works.fresh(2, timedelta(minutes=10)).pending_minor == 0
    assert rows_of(why(works, "demand", 3)) == [
        ("2 of the period's 2 days, 6 kW", "2", "day", -6000),
        ("2 of the period's 2 days, 1 kW above the sanctioned load", "2", "day", -1000),
    ]
    assert (why(works, "factor", 3).faults, broken(works)) == ((), set())
    assert works.run(2).entries == 0
    # The next period begins without them.
    live(works, 1, first=3)
    assert works.charged_in("demand") == {date(2026, 2, 4): 7000}
    assert works.charged_in("energy") == {date(2026, 2, 4): 6250, date(2026, 3, 4): 2400}


def test_a_later_version_of_the_row_posts_the_difference(works):
    from urja.pipeline.determine import Determine

    live(works, 2, missing=(PEAK,))
    assert works.charged()["demand"] == 200
    half_hours(works, 1, [PEAK])
    assert Determine().run_once(works.midnight(2) + timedelta(hours=2)).done == 1
    live(works, 1, first=3)
    assert works.charged_in("demand") == {date(2026, 2, 4): 7000}
    late = next(one for one in works.whys() if one.entry.line == "demand" and one.entry.service_date.day == 4)
    assert (late.entry.amount_minor, late.faults, late.cause) == (-6800, (), "late-reading")
    assert broken(works) == set()


BY_ZONE = """
[[line]]
name = "{zone}"
title = "Demand in the zone {zone}"
accrues = "demand"
billed = "recorded"
unit = "kW"
zones = ["{zone}"]
rate = 10
prorate = "none"
ratchet = {{periods = 3, percent = 80}}
"""
ZONED = (
    TARIFF.replace('"1"', '"2"').replace(
        "period_starts_on = 4",
        'period_starts_on = 4\ncalendar = "demo-tod"\nzones = {normal = 1, solar = 2, peak = 3}',
    )
    + BY_ZONE.format(zone="solar")
    + BY_ZONE.format(zone="peak")
)


def evidence(works):
    """What the law `evidence` says."""
    from urja.laws.verify import examine

    found = examine(works.connection, zone=town_rows.ZONE)
    return [said for one in found if one.law == "evidence" for said in one.contradictions]


def test_a_ratchet_names_the_row_of_the_earlier_period(works, monkeypatch):
    load_calendar("demo-tod")
    load(ZONED)
    live(works, 32)
    assert works.charged_in("demand") == {date(2026, 2, 4): 7000}
    # The half hour of 6 kW is at 10:00. In the zone `peak` are 0.2 kW at most.
    assert works.charged_in("solar") == {date(2026, 2, 4): 6000}
    assert works.charged_in("peak") == {date(2026, 2, 4): 200}
    live(works, 1, first=33)
    # 80 % of 6 kW, and 0.2 kW, which is more than 80 % of it.
    assert works.charged_in("demand") == {date(2026, 2, 4): 7000, date(2026, 3, 4): 4800}
    assert works.charged_in("solar") == {date(2026, 2, 4): 6000, date(2026, 3, 4): 4800}
    assert works.charged_in("peak") == {date(2026, 2, 4): 200, date(2026, 3, 4): 200}

    def last():
        found = next(
            one for one in works.whys() if (one.entry.line, one.entry.amount_minor) == ("solar", -4800)
        )
        return found.faults

    assert (last(), broken(works)) == ((), set())
    for change in (
        "books_entry SET inputs = jsonb_set(inputs::jsonb, '{calculation,past,0,3}', '5999') WHERE inputs->'calculation'->'past' IS NOT NULL",
        "determinants_row SET rules = replace(rules, 'demo-tod', 'other-tod') WHERE period = '2026-02-04'",
        "books_entry SET inputs = inputs::jsonb #- '{calculation,past,2}' WHERE inputs->'calculation'->'past' IS NOT NULL",
    ):
        works.connection.execute("ALTER TABLE books_entry DISABLE TRIGGER USER")
        works.connection.execute("ALTER TABLE determinants_row DISABLE TRIGGER USER")
        works.connection.execute(f"UPDATE {change}")
        works.connection.commit()
    assert any("do not have 5999 of max_import_w" in fault for fault in last()), last()
    assert any("are of the calendar other-tod" in fault for fault in last()), last()
    assert {"evidence", "chains"} <= broken(works)


def test_a_ratchet_that_leaves_an_earlier_period_out_breaks_the_law(works, monkeypatch):
    from urja.apps.billing.rating_basis import Basis

    live(works, 32)
    with monkeypatch.context() as patch:
        patch.setattr(Basis, "past_demands", lambda *_: ())
        live(works, 1, first=33)
    assert works.charged_in("demand")[date(2026, 3, 4)] == 200
    assert broken(works) == {"evidence"}
    assert any(
        "should go by max_import_w of 2026-02-04, version 1, and does not" in said for said in evidence(works)
    )
    # The next close finds that the period was charged without it.
    live(works, 1, first=34)
    assert works.charged_in("demand")[date(2026, 3, 4)] == 4800


BY_DEMAND = """
[[line]]
name = "bill"
title = "Minimum bill"
accrues = "minimum-demand"
billed = "recorded"
unit = "kW"
rate = 100
prorate = "none"
ratchet = {periods = 3}
on = ["energy", "demand"]
"""


def test_days_closed_in_one_run_go_by_the_periods_before_them_and_hold_to_the_law(database, monkeypatch):
    by_day = TARIFF.replace("period_starts_on = 4", 'period = "day"').replace("periods = 3", "periods = 1")
    load(by_day + BY_DEMAND)
    with database.connect() as connection:
        works = Town(connection, adopt(credit_minor=50_000, tariff_code="works"))
        live(works, 1)
        for day in (2, 3):
            half_hours(works, day)
            read(works, day)
        works.run(3)
        # 80 % of 6 kW, then of the 0.2 kW of the day before, which is less than the same 0.2 kW.
        assert works.charged_in("demand") == {
            date(2026, 3, 2): 7000, date(2026, 3, 3): 4800, date(2026, 3, 4): 200,
        }  # fmt: skip
        # The minimum follows the 6 kW of the first day for three more, at 100 a kW, less energy and demand.
        assert works.charged_in("bill") == {
            date(2026, 3, 2): 60_000 - 3850 - 7000,
            date(2026, 3, 3): 60_000 - 2400 - 4800,
            date(2026, 3, 4): 60_000 - 2400 - 200,
        }
        assert broken(works) == set()
        with monkeypatch.context() as patch:
            minimum_of_the_period_alone(patch)
            live(works, 1, first=4)
        # 0.2 kW alone are less than energy and demand.
        assert date(2026, 3, 5) not in works.charged_in("bill")
        # What is not charged at all is in no entry that evidence could go by.
        assert broken(works) == {"second_rater"}


def minimum_of_the_period_alone(patch):
    """The engine forgets the demand of earlier periods in a minimum."""
    from urja.core.rating import engine

    real = engine.demand_parts

    def alone(span, line, accrual, notes):
        price = accrual if accrual is line.accrual else replace(accrual, ratchet=None)
        return real(span, line, price, notes)

    patch.setattr(engine, "demand_parts", alone)


def demand_forgotten(patch):
    """The close hands over no maximum but a lower one."""
    from urja.pipeline import determined_rows

    real = determined_rows.measured_of

    def lower(*given):
        measured = real(*given)
        uses = tuple(
            replace(use, values={**use.values, **{n: 1000 for n in use.values if n == "max_import_w"}})
            for use in measured.uses
        )
        return Measured(uses, measured.past_demands)

    patch.setattr(determined_rows, "measured_of", lower)


def excess_of_the_contract(patch):
    """The engine charges excess from half of the load on."""
    from urja.core.rating import demand_parts

    real = demand_parts._excess

    def half(accrual, recorded, terms):
        return real(accrual, recorded, replace(terms, load_w=terms.load_w // 2))

    patch.setattr(demand_parts, "_excess", half)


def factor_of_one(patch):
    """The engine never finds a low power factor."""
    from urja.core.rating import engine

    patch.setattr(engine, "power_factor_parts", lambda *_: iter(()))


def charged_before_the_close(patch):
    """The engine charges what settles at close on every day; arrays rate nothing."""
    from urja.core.rating import engine
    from urja.pipeline import charge_differences

    real, rate_accounts = engine._rate, charge_differences.rate_accounts
    patch.setattr(charge_differences, "rate_accounts", lambda asked, **_: rate_accounts(asked, parts=True))

    def always(bill, known, notes, *, closing):
        return real(bill, known, notes, closing=True)

    patch.setattr(engine, "_rate", always)


def arrays_that_round_wrongly(patch):
    """Arrays round each amount to more than it is."""
    from urja.core.rating import exact_columns

    patch.setattr(
        exact_columns, "_to_integers", lambda column, _: column.numerators // column.denominator + 1
    )


@pytest.mark.parametrize(
    ("mutation", "days", "law"),
    [
        (arrays_that_round_wrongly, 1, "evidence"),
        (demand_forgotten, 2, "evidence"),
        (excess_of_the_contract, 2, "second_rater"),
        (factor_of_one, 2, "second_rater"),
        (charged_before_the_close, 1, "second_rater"),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_a_broken_close_breaks_its_law(works, monkeypatch, mutation, days, law):
    with monkeypatch.context() as patch:
        mutation(patch)
        live(works, days)
    assert law in broken(works)


def test_arrays_that_are_as_wrong_in_the_law_contradict_the_engine(works, monkeypatch):
    arrays_that_round_wrongly(monkeypatch)
    live(works, 1)
    assert "evidence" in broken(works)


def test_a_falsehood_about_demand_is_a_fault(works):
    live(works, 2)
    falsify(works, "jsonb_set(inputs, '{calculation,measured,0,1,max_import_w}', '5999')")
    assert any(
        "6000 of max_import_w; the entry was calculated from 5999" in fault
        for fault in why(works, "demand", 3).faults
    )
    assert "evidence" in broken(works)


@pytest.mark.parametrize("change", ["inputs - 'at_close'", "jsonb_set(inputs, '{at_close}', '6999')"])
def test_a_falsehood_about_what_settled_at_close_is_seen(works, change):
    live(works, 2)
    falsify(works, change, line="demand")
    assert broken(works) == {"evidence", "chains"}


def test_a_period_without_any_maximum_holds_its_account_back_on_its_last_day(works):
    read(works, 0)
    read(works, 1)
    assert works.run(1).closed.days == 1
    read(works, 2)
    closed = works.run(2).closed
    assert (closed.days, closed.waiting) == (0, 1)
    (problem,) = closed.problems
    assert "tariff works needs max_import_w, which is not known from 2026-03-02 on" in problem
    half_hours(works, 1, [PEAK])
    works.run(2, timedelta(minutes=20))
    assert works.charged()["demand"] == 7000


CONTRACT = """
[[line]]
name = "contract"
title = "Contracted demand"
accrues = "demand"
billed = "recorded"
unit = "kVA"
rate = 10
prorate = "none"
at_least = {percent = 80, of = "contracted"}
"""


def change_load(day, **loads):
    from urja.usecases.operations import ChangeLoad

    do(ChangeLoad(consumer_number="URJ00000001", effective_on=day, sanctioned_load_w=5000, **loads))


def test_loads_are_those_of_the_terms_and_an_account_without_them_is_held_back(works):
    from urja.usecases.operations import ChangeCategory

    load(TARIFF.replace('"1"', '"2"') + CONTRACT)
    read(works, 0)
    half_hours(works, 1)
    read(works, 1)
    change = ChangeCategory(consumer_number="URJ00000001", effective_on=date(2026, 3, 2), tariff_code="other")
    load(TARIFF.replace('"works"', '"other"') + CONTRACT)
    with pytest.raises(RefusedError, match="goes by contracted_load_va, which the terms do not state"):
        do(change)
    (problem,) = works.post(1).closed.problems
    assert "has no contracted load in kVA on 2026-03-02: state it in its terms (change_load" in problem
    change_load(date(2026, 3, 2), contracted_load_va=20_000)
    change_load(date(2026, 3, 3), contracted_load_va=40_000)
    live(works, 2, first=1)
    # 7.5 kVA are recorded; each day has the least of its terms, half of the two days each.
    assert works.charged()["contract"] == (16_000 + 32_000) // 2
    assert (why(works, "contract", 3).faults, broken(works)) == ((), set())
    works.connection.execute("ALTER TABLE contracts_agreement_terms DISABLE TRIGGER USER")
    works.connection.execute(
        "UPDATE contracts_agreement_terms SET contracted_load_va = 30000 WHERE valid_from > %s", [START]
    )
    works.connection.commit()
    assert "terms" in broken(works)


STEPS = """
[[line]]
name = "steps"
title = "Demand in steps"
accrues = "demand"
billed = "recorded"
unit = "kW"
telescopic = true
bands = [{up_to = 4, rate = 10}, {rate = 20}]
at_most = {percent = 100, of = "contracted"}
excess = {above = "contracted", rate = 50}
prorate = "none"
[[line]]
name = "floor"
title = "Demand of 8 kW or more"
accrues = "demand"
billed = "recorded"
unit = "kW"
rate = 10
floor = 8
prorate = "none"
[[line]]
name = "load"
title = "Load in steps"
accrues = "per-month"
per = "kW"
telescopic = true
bands = [{up_to_kw = 2, rate = 3}, {rate = 4}]
prorate = "none"
"""


def test_demand_and_load_in_steps_are_charged_and_proven(works, monkeypatch):
    from urja.core.rating import parts

    load(TARIFF.replace('"1"', '"2"') + STEPS)
    change_load(date(2026, 3, 2), contracted_load_w=5000)
    live(works, 2)
    charged = works.charged()
    # 6 kW are recorded and 5 kW of them billed: 4 at 10 and 1 at 20. The sixth has a price of its own.
    assert (charged["steps"], charged["floor"]) == (4000 + 2000 + 5000, 8000)
    # 2 kW at 3 and 3 kW at 4, once a month.
    assert charged["load"] == 600 + 1200
    assert rows_of(why(works, "steps", 3)) == [
        ("2 of the period's 2 days, 5 kW", "2", "day", -6000),
        ("2 of the period's 2 days, 1 kW above the contracted load", "2", "day", -5000),
    ]
    assert [why(works, line, 3).faults for line in ("steps", "floor", "load")] == [()] * 3
    assert broken(works) == set()
    with monkeypatch.context() as patch:
        patch.setattr(parts, "load_price", lambda bands, load, *, telescopic: bands[-1].rate * load)
        assert "evidence" in broken(works)
    works.connection.execute("ALTER TABLE contracts_agreement_terms DISABLE TRIGGER USER")
    works.connection.execute(
        "UPDATE contracts_agreement_terms SET contracted_load_w = 4000 WHERE contracted_load_w = 5000"
    )
    works.connection.commit()
    assert "terms" in broken(works)


BLOCKS = """
[[line]]
name = "hours"
title = "Energy by hours of the demand"
accrues = "slabs"
demand = {unit = "kW", billed = "recorded"}
slabs = [{from = 0, up_to = 1, rate = 9}, {from = 1, rate = 5}]
prorate = "none"
[[line]]
name = "blocks"
title = "Energy by load factor"
accrues = "slabs"
demand = {unit = "kW", billed = "sanctioned", bounds = "load-factor"}
slabs = [{from = 0, up_to = 2, rate = 1}, {from = 2, rate = 2}]
[[line]]
name = "load"
title = "Load factor"
accrues = "load-factor"
demand = {unit = "kW", billed = "sanctioned"}
table = [{up_to = 5}, {incentive = 1, per = "0.1", from = 5}]
on = ["energy"]
"""


def test_blocks_by_demand_and_a_load_factor_are_charged_and_proven(works, monkeypatch):
    from urja.core.rating import demand_parts

    load(TARIFF.replace('"1"', '"2"') + BLOCKS)
    live(works, 1)
    # 2 % of the 48 hours of 5 kW are 4.8 kWh, of the 7.7 used.
    assert {
        name: amount for name, amount in works.charged().items() if name in ("hours", "blocks", "load")
    } == {"blocks": 480 + 2 * 290}
    live(works, 1, first=2)
    charged = works.charged()
    # Of 12.5 kWh an hour of 6 kW at 9.00, the rest at 5.00.
    assert charged["hours"] == 5400 + 3250
    assert charged["blocks"] == 480 + 2 * 770
    # 12.5 kWh are 5.21 % of 48 hours of 5 kW: 2.1 % of 62.50 back.
    assert charged["load"] == -131
    assert [why(works, line, 3).faults for line in ("hours", "blocks", "load")] == [()] * 3
    assert broken(works) == set()
    with monkeypatch.context() as patch:
        # Without a demand all energy is in the last block.
        patch.setattr(demand_parts, "mean_demand", lambda *_: Fraction(0))
        live(works, 1, first=3)
    assert works.charged_in("blocks")[date(2026, 3, 4)] == 2 * 480
    assert {"evidence", "second_rater"} <= broken(works)
