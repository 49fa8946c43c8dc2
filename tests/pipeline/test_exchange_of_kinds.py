"""A meter gives place to one of another kind within a billing period, from ingest to determinants and the posting.

Each meter counts on truncated registers what flowed in mWh: the energy before and after adds up to less than one step of
each meter.
"""

import json
from datetime import date, timedelta

import numpy as np
import pytest
from tests.apps.determinants.test_rows import law, load_tariff, run, stored
from tests.apps.town import HALF_HOUR, START, ZONE, adopt, exchange, in_stock, seconds
from tests.pipeline.test_channel_sets import AnySet, batch

from urja.core.determinants import Origin
from urja.quantities.channel_sets import D1_BLOCK, D1_REGISTERS, D2_BLOCK, ChannelSet, channel_set
from urja.stream.subjects import Kind

DAY = timedelta(days=1)
AT = START + DAY + 28 * HALF_HOUR
"""14:00 on 3 March, the second day of the agreement."""
UNTIL = START + 2 * DAY
D2_REGISTERS = channel_set("registers", ("import_wh", "import_vah", "export_wh", "export_vah", "q1_varh"))
OLD_AT, NEW_AT = 10_432, 250
"""Wh on the old meter's register in the beginning, and on the new one's when it is installed."""
SECOND = date(2026, 3, 3)


class Register:
    """A register that counts true energy (mWh) in whole steps of Wh, behind transformers that it does not include."""

    def __init__(self, start_wh, step_wh=1, over=1):
        self.counted_mwh, self.start_wh, self.step_wh, self.over = 0, start_wh, step_wh, over

    @property
    def wh(self):
        return self.start_wh + self.counted_mwh // (1_000 * self.step_wh * self.over) * self.step_wh

    def blocks(self, energies_mwh):
        """Count half-hours and return what each of them has added, in Wh."""
        found = []
        for mwh in energies_mwh:
            before = self.wh
            self.counted_mwh += int(mwh)
            found.append(self.wh - before)
        return found


class Exchange:
    """A home on a single-phase meter until AT, and its readings through ingest."""

    def __init__(self, database, connection):
        from urja.pipeline.ingest import Ingester
        from urja.pipeline.stage import StageConnection

        load_tariff("demo-tod")
        self.connection = connection
        self.home = adopt(1, credit_minor=5_000_000, register_wh=OLD_AT)
        self.session = StageConnection(database.conninfo("urja_pipeline"))
        self.ingester = Ingester(self.session, ZONE, lambda _: AnySet())
        self.truth_mwh = np.random.default_rng(14).integers(100, 700_000, 96)

    def close(self):
        self.session.close()

    def blocks(self, device_id, channels: ChannelSet, at, energies_wh):
        rows = [(wh, *(None,) * (len(channels.ids) - 1)) for wh in energies_wh]
        self._apply(batch(Kind.BLOCK, channels, device_id, at, *rows))

    def register(self, device_id, channels: ChannelSet, at, wh):
        self._apply(batch(Kind.REGISTER, channels, device_id, at, (wh, *(None,) * (len(channels.ids) - 1))))

    def _apply(self, one):
        outcome = self.ingester.apply([one], UNTIL + HALF_HOUR)
        assert outcome.refused == 0

    def run(self, new, register, **how):
        """Two days with an exchange at AT: the old meter's blocks and registers, then the new one's."""
        old = Register(OLD_AT)
        self.blocks(self.home.device_id, D1_BLOCK, START, old.blocks(self.truth_mwh[:48]))
        self.register(self.home.device_id, D1_REGISTERS, START + DAY, old.wh)
        run(START + DAY + timedelta(hours=2))
        self.blocks(self.home.device_id, D1_BLOCK, START + DAY, old.blocks(self.truth_mwh[48:76]))
        in_stock(2, **new)
        done = exchange(1, 2, AT, old_wh=old.wh, new_wh=register.wh, **how)
        self.new_id, self.old_last_wh = done.outcome["device_id"], old.wh
        self.blocks(self.new_id, D2_BLOCK, AT, register.blocks(self.truth_mwh[76:]))
        self.register(self.new_id, D2_REGISTERS, UNTIL, register.wh)
        run(UNTIL + timedelta(hours=2))
        return stored(self.home, SECOND)[-1]

    def charged_wh(self):
        """The energy of all postings, by their own rows of arithmetic."""
        from urja.apps.billing.queries.ledger_entries import entries, explain_entry

        account = self.home.account_id
        energies = [explain_entry(account, e.seq) for e in entries(account, 1000) if e.line == "energy"]
        return max(why.energy_wh for why in energies)


@pytest.fixture
def connection(database):
    with database.connect() as connection:
        yield connection


@pytest.fixture
def town(database, connection):
    found = Exchange(database, connection)
    yield found
    found.close()


def keys(row):
    return [(key[0], key[1]) for key in json.loads(row.reads)]


def close_and_charge(now=UNTIL):
    from urja.pipeline import post

    post.post_due(now + timedelta(hours=2), timedelta(hours=1))


def test_a_three_phase_meter_for_a_single_phase_one(town):
    register = Register(NEW_AT)
    row = town.run({"device_type": "urja-d2", "max_power_w": 41_000}, register)
    advance_wh = (town.old_last_wh - OLD_AT) + (register.wh - NEW_AT)
    by_name = {one.name: one for one in row.determinants}
    assert (by_name["import_wh"].value, by_name["import_wh"].origin) == (advance_wh, Origin.REGISTER)
    assert 0 <= town.truth_mwh.sum() - 1_000 * advance_wh < 2 * 1_000, "less than a step of each meter"
    assert sum(by_name[f"import_wh_z{n}"].value for n in (1, 2, 3)) == advance_wh
    # Of the day: the old meter's last register and the new one's first.
    home, new = town.home.device_id, town.new_id
    assert set(keys(row)) == {
        (home, seconds(START + DAY)), (home, seconds(AT)), (new, seconds(AT)), (new, seconds(UNTIL)),
    }  # fmt: skip
    assert (
        f"; register of meter {home} from 2026-03-01T18:30:00Z to 2026-03-03T08:30:00Z times 1/1" in row.rules
    )
    assert (
        f"; register of meter {new} from 2026-03-03T08:30:00Z to 2026-03-03T18:30:00Z times 1/1" in row.rules
    )
    close_and_charge()
    assert town.charged_wh() == advance_wh
    assert law(town.connection) == []


@pytest.mark.parametrize(
    ("kind", "over", "step_wh", "given", "ratio"),
    [
        # 200/5 A before a meter that counts the secondary side: stated with the exchange, applied once.
        ("urja-d2", 40, 1, {"ratio_primary": 200, "ratio_secondary": 5}, (200, 5)),
        # A meter whose registers include the ratio, in steps of 10 Wh: nothing is left to apply.
        ("urja-d3", 1, 10, {}, (1, 1)),
    ],
)
def test_a_meter_behind_current_transformers_for_a_whole_current_one(town, kind, over, step_wh, given, ratio):
    from urja.apps.assets.models import DevicePeriod

    register = Register(NEW_AT, step_wh, over)
    new = {"device_type": kind, "max_power_w": 41_000, "load_switch": kind == "urja-d2"}
    row = town.run(new, register, **given)
    period = DevicePeriod.objects.get(device_id=town.new_id)
    assert (period.ratio_primary, period.ratio_secondary) == ratio
    advance_wh = (town.old_last_wh - OLD_AT) + (register.wh * over - NEW_AT * over)
    assert row.value("import_wh") == advance_wh
    assert 0 <= town.truth_mwh.sum() - 1_000 * advance_wh < 1_000 * (1 + step_wh * over)
    assert f"times {ratio[0]}/{ratio[1]}" in row.rules
    close_and_charge()
    assert town.charged_wh() == advance_wh
    assert law(town.connection) == []


def test_a_ratio_that_was_recorded_wrongly_is_corrected_since_the_installation(town):
    """Recorded as 200 to 5, and the transformers are of 150 to 5: another version of determinants, and money by difference."""
    from urja.usecases.operations import ChangeRatio, perform

    register = Register(NEW_AT, 1, 30)
    new = {"device_type": "urja-d2", "max_power_w": 41_000}
    wrong = town.run(new, register, ratio_primary=200, ratio_secondary=5)
    close_and_charge()
    change = ChangeRatio(
        consumer_number="URJ00000001", at=AT, primary=150, secondary=5, reason="nameplate read again"
    )
    perform(change, recorded_at=UNTIL + timedelta(hours=3), actor="test")
    run(UNTIL + timedelta(hours=6))
    right = stored(town.home, SECOND)[-1]
    old_wh, counted_wh = town.old_last_wh - OLD_AT, register.wh - NEW_AT
    assert (wrong.version, wrong.value("import_wh")) == (1, old_wh + 40 * counted_wh)
    assert (right.version, right.value("import_wh")) == (2, old_wh + 30 * counted_wh)
    assert "times 150/5" in right.rules
    close_and_charge(UNTIL + DAY)
    assert town.charged_wh() >= old_wh + 30 * counted_wh
    assert town.connection.execute(
        "SELECT billed_value FROM readings_accrual WHERE agreement_id = %s AND latest",
        [town.home.agreement_id],
    ).fetchall() == [(old_wh + 30 * counted_wh,)]


def test_a_ratio_found_wrong_after_the_meter_went_is_corrected(town):
    """The nameplate was read on the bench, when another meter was in its place already."""
    from urja.apps.assets.models import DevicePeriod
    from urja.usecases.operations import ChangeRatio, perform

    register = Register(NEW_AT, 1, 30)
    new = {"device_type": "urja-d2", "max_power_w": 41_000}
    wrong = town.run(new, register, ratio_primary=200, ratio_secondary=5)
    close_and_charge()
    old_wh, counted_wh = town.old_last_wh - OLD_AT, register.wh - NEW_AT
    in_stock(3, device_type="urja-d2", max_power_w=41_000)
    last = {"old_wh": register.wh, "ratio_primary": 150, "ratio_secondary": 5}
    gone_at = UNTIL + timedelta(hours=1)
    exchange(1, 3, gone_at, **last)
    change = ChangeRatio(
        consumer_number="URJ00000001", at=AT, primary=150, secondary=5, reason="nameplate read on the bench"
    )
    perform(change, recorded_at=UNTIL + timedelta(hours=3), actor="test")
    ended = DevicePeriod.objects.get(device_id=town.new_id)
    assert (ended.ratio_primary, ended.ratio_secondary, ended.valid_to) == (150, 5, gone_at)
    run(UNTIL + timedelta(hours=6))
    right = stored(town.home, SECOND)[-1]
    assert (wrong.version, wrong.value("import_wh")) == (1, old_wh + 40 * counted_wh)
    assert (right.version, right.value("import_wh")) == (2, old_wh + 30 * counted_wh)
    close_and_charge(UNTIL + DAY)
    assert town.connection.execute(
        "SELECT billed_value FROM readings_accrual WHERE agreement_id = %s AND latest",
        [town.home.agreement_id],
    ).fetchall() == [(old_wh + 30 * counted_wh,)]
    assert law(town.connection) == []


def test_which_ratio_is_left_to_apply_when_a_meter_is_exchanged(database):
    """The transformers stay; a type's registers include their ratio or not."""
    from urja.apps.assets.models import Device, DevicePeriod
    from urja.usecases.meter_exchange import continued_ratio

    def left(before, ratio, after):
        period = DevicePeriod(
            device=Device(device_type=before), ratio_primary=ratio[0], ratio_secondary=ratio[1]
        )
        return continued_ratio(period, Device(device_type=after))

    assert left("urja-d1", (1, 1), "urja-d2") == (1, 1)
    assert left("urja-d1", (1, 1), "urja-d3") == (1, 1)
    assert left("urja-dt", (200, 5), "urja-dt") == (200, 5)
    assert left("urja-dt", (200, 5), "urja-d3") == (1, 1)
    assert left("urja-d3", (1, 1), "urja-dt") == (40, 1)
    assert left("urja-d3", (2, 1), "urja-dt") == (80, 1)


def test_transformers_that_go_with_the_old_meter_are_stated(database):
    from tests.usecases.test_tariff_commodity import told

    from urja.usecases.operations import ExchangeMeter

    adopt(1, device_type="urja-d3", load_switch=False)
    in_stock(2, device_type="urja-d2", max_power_w=41_000)
    change = ExchangeMeter(
        consumer_number="URJ00000001", at=AT, old_register_wh=None, new_serial="URJ00000002", new_register_wh=0,
        reason="less load",
    )  # fmt: skip
    said = "meter URJ00000001 was behind transformers, and meter URJ00000002 has a load switch"
    assert any(one.startswith(said) for one in told(change, AT))
    assert not [one for one in told_or_none(change) if one.startswith(said)]


def told_or_none(change):
    """What is said where the ratio is given."""
    import msgspec
    from django.db import transaction

    from urja.apps.journal.errors import RefusedError
    from urja.usecases.operations import perform

    given = msgspec.structs.replace(change, ratio_primary=1, ratio_secondary=1)
    with transaction.atomic():
        try:
            perform(given, recorded_at=AT, actor="test")
        except RefusedError as refused:
            return refused.faults
    return []
