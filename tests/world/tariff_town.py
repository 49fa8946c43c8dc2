"""Twelve supplies with a tariff for each kind of line, on days that are stepped over a settlement and a year's end.

One is charged by half-months; two are flats of one society, and bear the energy of its lifts by their areas.

The use of each supply is drawn from a seed and arrives as batches of the stream. The stages that post and decide run two or six
times a day on real PostgreSQL, and may be killed before any statement. Messages are delivered and commands carried out at once: meters,
broker and gateway have worlds of their own (`world`, `town_world`).
"""

import random
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np
from tests.apps import town as town_rows
from tests.conftest import Database
from tests.demo_documents import load_town_tariffs

from urja.cosem.companion import load_device_type
from urja.cosem.companion.stored_columns import stored_columns
from urja.quantities.channel_sets import ChannelSet
from urja.stream.codec import Batch, dtype_of
from urja.stream.records import NULL, RegisterKind, Source
from urja.stream.subjects import Kind

ZONE: Final = ZoneInfo("Asia/Kolkata")
HOUR: Final = timedelta(hours=1)
DAY: Final = timedelta(days=1)
HALF_HOUR: Final = timedelta(minutes=30)
CUTOFF: Final = HOUR
TWO_STOPS: Final = (timedelta(hours=1, minutes=10), timedelta(hours=12, minutes=5))
"""Times of day at which readings arrive and the stages run: after the close's cutoff, and in the window, when people pay too."""
SIX_STOPS: Final = tuple(
    timedelta(hours=hour, minutes=minute)
    for hour, minute in ((0, 5), (1, 10), (10, 5), (12, 5), (15, 5), (20, 5))
)
"""Twice around the close, three times in the window, and in the evening, when people pay."""
FIRST, LAST = date(2026, 3, 14), date(2026, 4, 6)
"""A settlement and a year's end, with what happens around them."""
FEBRUARY, APRIL = date(2026, 2, 20), date(2026, 4, 20)
"""Two months around it."""


def at_midnight(day: date) -> datetime:
    """Return the instant (UTC) at which a local day begins."""
    return datetime(day.year, day.month, day.day, tzinfo=ZONE).astimezone(UTC)


POLICY: Final = """
format = 1
code = "town"
version = "1"
title = "Of a town for tests"
currency = "INR"
valid_from = 2024-04-01
[warnings]
percent_of_last_recharge = [30]
days_left = [1]
[credit]
cut_below = 0
emergency = 20
grace_days_after_conversion = 3
grace_days_at_close = 3
[protected]
hours = [{ from = "18:00", to = "08:00" }]
weekdays = ["sunday"]
holidays = [{ day = 2026-03-04, name = "Holi" }]
[cut]
from = "10:00"
to = "16:00"
opens_within_days = 4
most_per_transformer = 20
stagger_s = 0
max_data_age_hours = 6
max_estimated_percent = 20
[notices]
before_cut = ["zero"]
least_delivered = 1
lead_hours = 1
repeat_hours = 6
[payments]
authorised_holds_hours = 2
at_most = 3
arrears_percent = 20
[reconnect]
at_least = 0
stagger_s = 0
[look_back]
charge_months = 12
[reviews]
times = 5
days = 7
above = 100
decide_within_days = 3
ends_after_days = 5
undecided = "credited"
"""

_HEAD: Final = """
format = 1
code = "{code}"
version = "{version}"
title = "{code}"
currency = "INR"
valid_from = {valid_from}
"""
_FIXED: Final = """
[[line]]
name = "fixed"
title = "Fixed charge"
accrues = "per-day"
rate = 4
"""
_DUTY: Final = """
[[line]]
name = "duty"
title = "Electricity duty"
accrues = "percent"
percent = 5
round = { to = "0.01", mode = "half-up", each = "line" }
on = ["energy"]
"""

_COMMON: Final = """
[[line]]
name = "common"
title = "Common areas"
accrues = "slabs"
quantity = "common_import_wh"
share = "area"
slabs = [{ from = 0, rate = "6.50" }]
"""
AREAS_DM2: Final = {"flat": 7000, "patient": 4500}
"""Carpet areas of the flats of the society."""


def _slabs(more: str = "", rates: tuple[str, str] = ("3.10", "5.25")) -> str:
    return f"""
[[line]]
name = "energy"
title = "Energy charge"
accrues = "slabs"
prorate = "month-fraction"
round_width = {{ to = "1", mode = "half-up" }}
round = {{ to = "0.01", mode = "half-up", each = "line" }}
slabs = [{{ from = 0, up_to = 100, rate = "{rates[0]}" }}, {{ from = 100, rate = "{rates[1]}" }}]
{more}"""


_ZONES: Final = """
[[line]]
name = "energy"
title = "Energy charge"
accrues = "zones"
zones_and_slabs = "none"
otherwise = "normal"
round = { to = "0.01", mode = "half-up", each = "line" }
prices = [{ zone = "normal", rate = "8.00" }, { zone = "solar", rate = "6.40" }, { zone = "peak", rate = "9.60" }]
"""
_TIME_OF_DAY: Final = """calendar = "town-tod"
zones = { normal = 1, solar = 2, peak = 3 }
"""


def _demand(rate: int, more: str) -> str:
    return f"""
[[line]]
name = "demand"
title = "Demand charge"
accrues = "demand"
billed = "recorded"
unit = "kW"
rate = {rate}
prorate = "month-fraction"
{more}
"""


_FACTOR: Final = """
[[line]]
name = "factor"
title = "Power factor"
accrues = "power-factor"
on = ["energy"]
table = [{ up_to = "0.90", penalty = 1, per = "0.01", from = "0.90" }, {}]
"""

TARIFFS: Final[Mapping[str, str]] = {
    "shop": _TIME_OF_DAY
    + _ZONES
    + _FIXED
    + _demand(60, 'excess = { above = "sanctioned", percent = 100 }')
    + _FACTOR,
    "workshop": _TIME_OF_DAY
    + _slabs()
    + """
[[line]]
name = "time-of-day"
title = "Time of day"
accrues = "zone-percent"
zones_and_slabs = "average"
on = ["energy"]
percents = [{ zone = "solar", rebate = 15 }, { zone = "peak", surcharge = 20 }]
"""
    + _FIXED
    + _demand(90, "ratchet = { periods = 3, percent = 80 }"),
    "roof": 'net_metering = { bank = "total", settlement_month = 3, at_end = "settle" }'
    + _slabs('quantity = "netted_import_wh"')
    + """
[[line]]
name = "settlement"
title = "Units settled"
accrues = "settlement"
rate = "2.90"
"""
    + _FIXED
    + _DUTY,
    "flat": _slabs()
    + """
[[line]]
name = "generator"
title = "Energy of the generator"
accrues = "slabs"
quantity = "dg_import_wh"
slabs = [{ from = 0, rate = "19.50" }]
"""
    + _COMMON
    + _FIXED
    + _DUTY,
    "shared": _slabs() + _COMMON + _FIXED + _DUTY,
    "halves": 'period = "half-month"' + _slabs() + _FIXED + _DUTY,
    "gas": """commodity = "gas"
[[line]]
name = "energy"
title = "Gas charge"
accrues = "slabs"
quantity = "gas_energy_wh"
unit = "kWh"
round = { to = "0.01", mode = "half-up", each = "line" }
slabs = [{ from = 0, rate = "4.10" }]
"""
    + _FIXED,
    "rebated": _slabs()
    + _FIXED
    + """
[[line]]
name = "thanks"
title = "Rebate on recharges"
accrues = "recharge-rebate"
percent = 2
[[line]]
name = "interest"
title = "Rebate on the balance"
accrues = "balance-rebate"
percent = 1
""",
    "subsidised": _slabs()
    + _FIXED
    + """
[[line]]
name = "subsidy"
title = "Subsidy"
accrues = "rebate"
prorate = "none"
claim_on = "State"
by_use = [{ up_to = 120, percent = 100 }, { percent = 0 }]
on = ["energy"]
""",
    "home": _slabs() + _FIXED + _DUTY,
}
"""Tariffs by code."""


def tariff(code: str, version: str = "1", valid_from: str = "2026-01-01", **replaced: str) -> str:
    """Return the document of a version, with the words of `replaced` put in the place of others."""
    text = _HEAD.format(code=code, version=version, valid_from=valid_from) + TARIFFS[code]
    for old, new in replaced.items():
        text = text.replace(old, new)
    return text


type Half = dict[str, int]
"""What a supply uses in one half hour, by register."""


@dataclass(frozen=True)
class Supply:
    """One supply. `pays` is when: `early` below 100 rupees, `warned` once told, `off` once disconnected, `never`."""

    name: str
    tariff: str
    pays: str
    credit_minor: int
    use: Callable[["Supply", date, int, random.Random], Half]
    recharge_minor: int = 50_000
    device_type: str = "urja-d1"
    load_w: int = 5000
    away: tuple[tuple[date, date], ...] = ()
    """From and to: days on which it pays nothing."""


def _home(wh: int) -> Callable[..., Half]:
    """A household of about so many Wh a day: more in the morning and evening."""

    def use(_supply: Supply, _day: date, half: int, chance: random.Random) -> Half:
        busy = 3 if 12 <= half < 18 or 36 <= half < 44 else 1
        energy = wh * busy * chance.randrange(50, 150) // 100 // 76
        return {"import_wh": energy, "import_vah": energy * 21 // 20}

    return use


def _shop(_supply: Supply, day: date, half: int, chance: random.Random) -> Half:
    """Open by day but on Sundays, with a power factor of about 0.8; each 24th at noon it draws 8 kW of its 5."""
    open_ = 20 <= half < 42 and day.weekday() != 6
    energy = chance.randrange(500, 900) if open_ else 60
    if day.day == 24 and half == 24:
        energy = 4000
    return {"import_wh": energy, "import_vah": energy * 5 // 4}


def _workshop(_supply: Supply, day: date, half: int, chance: random.Random) -> Half:
    """A peak in February, 80 % of which is billed until May, and one on 30 March, whose reading comes after its month."""
    busy = 18 <= half < 36 and day.weekday() != 6
    energy = chance.randrange(800, 1500) if busy else 40
    if half == 30 and day in (date(2026, 2, 26), date(2026, 3, 30)):
        energy = 4900 if day.month == 2 else 4400
    return {"import_wh": energy, "import_vah": energy * 10 // 9}


def _roof(_supply: Supply, day: date, half: int, chance: random.Random) -> Half:
    """Sun by day, none on each fifth one; a home beside it."""
    home = chance.randrange(60, 200)
    sun = max(0, 12 - abs(half - 24)) * chance.randrange(60, 100) * (1 if day.day % 5 else 0)
    net = home - sun
    return {
        "import_wh": max(net, 0),
        "import_vah": max(net, 0) * 21 // 20,
        "export_wh": max(-net, 0),
        "export_vah": max(-net, 0) * 21 // 20,
    }


def _flat(_supply: Supply, day: date, half: int, chance: random.Random) -> Half:
    """The grid fails for two hours each third evening."""
    energy = chance.randrange(80, 260)
    generator = day.day % 3 == 0 and 38 <= half < 42
    grid, own = (0, energy) if generator else (energy, 0)
    return {
        "import_wh": grid,
        "import_vah": grid * 21 // 20,
        "dg_import_wh": own,
        "dg_import_vah": own * 21 // 20,
    }


def _gas(_supply: Supply, _day: date, half: int, chance: random.Random) -> Half:
    """Cooking, in litres."""
    return {"volume_l": chance.randrange(40, 90) if half in (14, 15, 26, 27, 40, 41) else 0}


SPIKES: Final = (date(2026, 3, 23), date(2026, 4, 9))
"""Days on which one home uses many times as much."""


def _spiky(supply: Supply, day: date, half: int, chance: random.Random) -> Half:
    found = _home(4000)(supply, day, half, chance)
    if day in SPIKES and 20 <= half < 40:
        return dict.fromkeys(found, 3000)
    return found


SUPPLIES: Final = (
    Supply("shop", "shop", "warned", 250_000, _shop, 200_000, away=((date(2026, 3, 25), date(2026, 4, 6)),)),
    Supply("workshop", "workshop", "early", 300_000, _workshop, 300_000, load_w=10_000),
    Supply("roof", "roof", "early", 20_000, _roof, 20_000),
    Supply("flat", "flat", "early", 100_000, _flat, 80_000, "urja-d2-dg"),
    Supply("kitchen", "gas", "warned", 20_000, _gas, 20_000, "urja-g1"),
    Supply("saver", "rebated", "early", 30_000, _home(6000), 30_000),
    Supply("subsidised", "subsidised", "off", 18_000, _home(12_000), 40_000),
    Supply(
        "spiky",
        "home",
        "early",
        25_000,
        _spiky,
        30_000,
        away=((date(2026, 3, 10), date(2026, 3, 31)), (date(2026, 4, 5), date(2026, 4, 15))),
    ),
    Supply("debtor", "home", "warned", 20_000, _home(5000), 20_000),
    Supply("poor", "home", "never", 2_000, _home(5000)),
    Supply("patient", "shared", "never", 4_000, _home(4000)),
    Supply("late", "halves", "off", 10_000, _home(7000), 15_000),
)
ORDERED: Final = ("saver", "debtor", "poor")
"""Made postpaid by one order, and prepaid again by another one."""
HELD: Final = {
    ("workshop", Kind.BLOCK, date(2026, 3, 30)): timedelta(days=4, hours=10),
    ("roof", Kind.REGISTER, date(2026, 4, 1)): timedelta(hours=11),
    ("lifts", Kind.REGISTER, date(2026, 3, 19)): timedelta(hours=12),
    ("lifts", Kind.REGISTER, date(2026, 4, 1)): timedelta(hours=36),
}
"""Readings of a local day that come so long after its midnight: a peak after its month, the register of the settlement, and those of
the lifts."""


class Killed(BaseException):
    """The process is gone: nothing of ours catches this."""


@dataclass
class Meter:
    """The truth of one supply."""

    supply: Supply
    adopted: Any
    block: ChannelSet
    register: ChannelSet
    totals: Counter[str] = field(default_factory=Counter)
    off: bool = False
    told_to: datetime | None = None
    """Up to where its intervals were made."""
    ended_at: datetime | None = None


class TariffTown:
    """Use it as `with TariffTown.built(database, …) as town`; then `live_through` days, and `broken`."""

    def __init__(
        self,
        database: Database,
        first: date,
        seed: int,
        kills: float,
        late: float,
        stops: Sequence[timedelta],
    ) -> None:
        from urja.pipeline.determine import Determine
        from urja.pipeline.ingest import Ingester
        from urja.pipeline.stage import StageConnection

        self.database, self.seed, self.kills, self.late = database, seed, kills, late
        self.stops = stops
        self.connection = database.connect()
        self.session = StageConnection(database.conninfo("urja_pipeline"))
        self.ingester = Ingester(self.session, ZONE.key)
        self.determine = Determine()
        self.chance, self.fate = random.Random(f"town {seed}"), random.Random(f"fate {seed}")
        self.death = random.Random(f"death {seed}")
        self.now = self.begins = at_midnight(first)
        self.meters: dict[str, Meter] = {}
        self.lifts: Meter | None = None
        """Of the common areas: it reports registers alone."""
        self.of_lifts = random.Random(f"lifts {seed}")
        self.held_back: list[tuple[datetime, Batch]] = []
        self.reasons: dict[str, set[str]] = defaultdict(set)
        """Keys of the reasons by which each supply stood at any stop."""
        self.killed: Counter[str] = Counter()
        self.orders: dict[str, Any] = {}
        self.payments = 0
        self.happened: list[str] = []

    @classmethod
    @contextmanager
    def built(
        cls,
        database: Database,
        first: date = FIRST,
        *,
        seed: int = 1,
        kills: float = 0.0,
        late: float = 0.03,
        stops: Sequence[timedelta] = TWO_STOPS,
        supplies: Sequence[Supply] = SUPPLIES,
    ) -> "Iterator[TariffTown]":
        """The town on the midnight at which `first` begins; a run of a stage is killed with the probability `kills`, and a part
        of the readings comes late with the probability `late`."""
        town = cls(database, first, seed, kills, late, stops)
        try:
            town._found(supplies)
            yield town
        except Exception as error:
            error.add_note(f"{town.now}, seed {seed}:\n" + "\n".join(town.happened))
            raise
        finally:
            town.connection.close()
            town.session.close()

    # -- founding -------------------------------------------------------------------------------------------

    def _found(self, supplies: Sequence[Supply]) -> None:
        from urja.apps.rulebook.operations import load_tariff
        from urja.apps.rulebook.queries.heat_values import bundled_heat_values
        from urja.usecases.heat_values import load_heat_values
        from urja.usecases.policies import load_policy

        load_town_tariffs(recorded_at=self.now)
        load_heat_values(bundled_heat_values(), recorded_at=self.now, actor="test")
        for code in TARIFFS:
            load_tariff(tariff(code), self.now)
        load_policy(POLICY, recorded_at=self.now, actor="test")
        for number, supply in enumerate(supplies, 1):
            self._adopt(number, supply)
        if AREAS_DM2.keys() <= self.meters.keys():
            self._found_society()

    def _adopt(self, number: int, supply: Supply) -> None:
        type_ = load_device_type(supply.device_type)
        adopted = town_rows.adopt(
            number,
            valid_from=self.now,
            register_wh=10_000,
            bucket=number // 2,
            credit_minor=supply.credit_minor,
            device_type=supply.device_type,
            tariff_code=supply.tariff,
            sanctioned_load_w=supply.load_w,
            max_power_w=40_000,
        )
        meter = Meter(
            supply,
            adopted,
            stored_columns(type_.profiles["block"].columns, of_intervals=True).channels,
            stored_columns(type_.profiles["daily"].columns, of_intervals=False).channels,
            Counter({"import_wh": 10_000, "volume_l": 10_000}),
            told_to=self.now,
        )
        self.meters[supply.name] = meter
        self._arrives([self._registers(meter, self.now)])

    def _found_society(self) -> None:
        """Put the flats with an area into a society whose lifts have a meter."""
        from urja.apps.assets.kinds import DeviceRole
        from urja.apps.assets.models import DevicePeriod
        from urja.apps.contracts.models import AgreementTerms
        from urja.apps.network.models import Premise, ServicePoint
        from urja.usecases.operations import (
            InstallNetworkMeter,
            add_transformer,
            install_network_meter,
        )

        stamp = {"recorded_at": self.now, "actor": "test"}
        add_transformer("T1", feeder="F1", **stamp)
        period = install_network_meter(
            InstallNetworkMeter(
                serial="URJ00000901",
                system_title=b"URJ" + (901).to_bytes(5, "big"),
                device_type="urja-dt",
                interval_s=1800,
                max_power_w=200_000,
                wrapped_guek=bytes(24),
                wrapped_gak=bytes(24),
                register_wh=0,
                valid_from=self.now,
                premise_name="Lifts",
                transformer="T1",
                bucket=3,
            ),
            **stamp,
        )
        society = Premise.objects.create(id=901, kind="society", code="S", name="Neem", **stamp)
        lifts = Premise.objects.create(id=902, kind="common_area", name="Lifts", parent=society, **stamp)
        with town_rows.by_hand(self.now):
            DevicePeriod.objects.filter(device_id=period.device_id).update(
                role=DeviceRole.BILLING, commissioned_at=self.now
            )
            ServicePoint.objects.filter(id=period.service_point_id).update(
                purpose="common_area", premise=lifts
            )
            for name, area in AREAS_DM2.items():
                adopted = self.meters[name].adopted
                Premise.objects.filter(id=adopted.premise_id).update(parent=society, kind="flat")
                AgreementTerms.objects.filter(agreement_id=adopted.agreement_id).update(carpet_area_dm2=area)
        profiles = load_device_type("urja-dt").profiles
        self.lifts = Meter(
            Supply("lifts", "", "never", 0, _home(0)),
            period,
            stored_columns(profiles["block"].columns, of_intervals=True).channels,
            stored_columns(profiles["daily"].columns, of_intervals=False).channels,
            told_to=self.now,
        )
        self._arrives([self._registers(self.lifts, self.now)])

    def number(self, name: str) -> str:
        """Return the consumer number of a supply."""
        return f"URJ{list(self.meters).index(name) + 1:08}"

    # -- readings -------------------------------------------------------------------------------------------

    def _use_up_to(self, until: datetime) -> list[Batch]:
        """Let meters run; return their batches, the register of a midnight apart from the intervals before it."""
        batches = []
        for meter in self.meters.values():
            rows = []
            start = meter.told_to
            while start + HALF_HOUR <= until and (meter.ended_at is None or start < meter.ended_at):
                rows.append((start, self._use(meter, start)))
                start += HALF_HOUR
                if start.astimezone(ZONE).hour == start.astimezone(ZONE).minute == 0:
                    batches.append(self._registers(meter, start))
            meter.told_to = start
            if rows:
                batches.append(self._intervals(meter, rows))
        return batches

    def _lifts_up_to(self, until: datetime) -> Iterator[Batch]:
        while self.lifts is not None and self.lifts.told_to + DAY <= until:
            self.lifts.told_to += DAY
            self.lifts.totals["import_wh"] += self.of_lifts.randrange(6_000, 12_000)
            yield self._registers(self.lifts, self.lifts.told_to)

    def _use(self, meter: Meter, start: datetime) -> Half:
        local = start.astimezone(ZONE)
        drawn = meter.supply.use(meter.supply, local.date(), local.hour * 2 + local.minute // 30, self.chance)
        if meter.off:
            drawn = dict.fromkeys(drawn, 0)
        meter.totals.update(drawn)
        return drawn

    @staticmethod
    def _intervals(meter: Meter, rows: Sequence[tuple[datetime, Half]]) -> Batch:
        records = np.zeros(len(rows), dtype_of(Kind.BLOCK, meter.block))
        records["device_id"], records["length_s"] = meter.adopted.device_id, 1800
        records["start_at"] = [town_rows.seconds(start) for start, _ in rows]
        records["values"] = [
            [_counted(name.removeprefix("interval_"), drawn) for name in meter.block.names]
            for _, drawn in rows
        ]
        records["source"] = Source.PUSH
        records["received_at"] = records["start_at"] * 1000 + 1_800_000
        return Batch(Kind.BLOCK, 1, records, meter.block)

    @staticmethod
    def _registers(meter: Meter, at: datetime) -> Batch:
        records = np.zeros(1, dtype_of(Kind.REGISTER, meter.register))
        records["device_id"], records["kind"] = meter.adopted.device_id, RegisterKind.DAILY
        records["read_at"] = town_rows.seconds(at)
        records["values"] = [[_counted(name, meter.totals) for name in meter.register.names]]
        records["source"], records["received_at"] = Source.PULL, town_rows.seconds(at) * 1000
        return Batch(Kind.REGISTER, 1, records, meter.register)

    def _arrives(self, batches: Sequence[Batch]) -> None:
        result = self.ingester.apply(list(batches), self.now)
        assert result.refused == 0, f"{self.now}: {result}"

    def _readings(self) -> None:
        """What meters have measured arrives, but for some that comes hours or a day later."""
        names = {meter.adopted.device_id: name for name, meter in self.meters.items()}
        coming = [batch for at, batch in self.held_back if at <= self.now]
        self.held_back = [(at, batch) for at, batch in self.held_back if at > self.now]
        for batch in self._lifts_up_to(self.now):
            at = datetime.fromtimestamp(int(batch.records["read_at"][0]), ZONE)
            held = HELD.get(("lifts", Kind.REGISTER, at.date()), timedelta())
            if at + held > self.now:
                self.held_back.append((at + held, batch))
            else:
                coming.append(batch)
        for batch in self._use_up_to(self.now):
            first = batch.records["start_at" if batch.kind is Kind.BLOCK else "read_at"][0]
            day = datetime.fromtimestamp(int(first), ZONE).date()
            held = HELD.get((names[int(batch.records["device_id"][0])], batch.kind, day))
            # Always drawn, so that what is held does not shift the fate of other batches.
            late = self.fate.random() < self.late, self.fate.choice((4, 9, 26))
            if held is not None:
                self.held_back.append((at_midnight(day) + held, batch))
            elif late[0]:
                self.held_back.append((self.now + late[1] * HOUR, batch))
            else:
                coming.append(batch)
        if coming:
            self._arrives(coming)

    # -- living ---------------------------------------------------------------------------------------------

    def live_through(self, last: date, each: Callable[[date], None] = lambda _day: None) -> None:
        """Let days pass up to the end of `last`, which is closed; `each` is called after each close with the day that has begun."""
        day = self.now.astimezone(ZONE).date()
        while day <= last + DAY:
            for stop in self.stops:
                if (day > last and stop > CUTOFF * 2) or (
                    day == self.begins.astimezone(ZONE).date() and stop < CUTOFF * 2
                ):
                    continue
                self.now = at_midnight(day) + stop
                self._stop(day)
            each(day)
            day += DAY

    def _stop(self, day: date) -> None:
        # On the first day opening credits are not posted yet.
        pays = self.now == at_midnight(day) + self.stops[-1] and day > self.begins.astimezone(ZONE).date()
        self._readings()
        self._things(day)
        paid = pays and self._pay(day)
        self._stages()
        if self._carry_out() or paid:
            # People wait for these, so the stage looks again at once.
            self.now += timedelta(minutes=1)
            self._decide(only_changed=True)
            self._carry_out()
        self._note_standings()

    def _things(self, day: date) -> None:
        """What people do on a day, once, in the window."""
        if self.now == at_midnight(day) + TWO_STOPS[-1]:
            for act in THINGS.get(day, ()):
                act(self)

    def _stages(self) -> None:
        from urja.pipeline import mode_changes, post

        self.run("mode_changes", lambda: mode_changes.run_once(self.now))
        self.run("post", lambda: post.run_once(self.now, CUTOFF))
        self.run("determine", lambda: self.determine.run_once(self.now))
        self._decide()

    def _decide(self, *, only_changed: bool = False) -> None:
        from urja.pipeline import decide
        from urja.pipeline.credits import post_credits

        def stage() -> None:
            post_credits(self.now)
            decide.decide_due(self.now, time.time_ns() // 1_000_000, only_changed=only_changed)

        self.run("decide", stage)
        self._deliver()

    def run(self, name: str, stage: Callable[[], object]) -> None:
        """Run a stage; one that is killed before one of its statements starts again, as the supervisor does it."""
        while self.death.random() < self.kills:
            try:
                with _killed_before(self.death.randrange(1, 80)):
                    stage()
            except Killed:
                self.killed[name] += 1
                self.happened.append(f"{self.now} {name} killed")
            else:
                return
        stage()

    def _deliver(self) -> None:
        from urja.apps.notices.models import Notice

        Notice.objects.filter(delivered_at=None).update(
            state="delivered", sent_at=self.now, delivered_at=self.now
        )

    def _carry_out(self) -> int:
        """Dispatch and head end: each command is sent, carried out and confirmed; how many were."""
        from urja.apps.commands import operations
        from urja.apps.commands.models import Command
        from urja.stream.orders import Progress

        done = 0
        of_device = {meter.adopted.device_id: meter for meter in self.meters.values()}
        for command in Command.objects.filter(state="queued").order_by("id"):
            wall_ms = time.time_ns() // 1_000_000
            Command.objects.filter(id=command.id).update(state="sent", sent_at=self.now, sent_wall_ms=wall_ms)
            if command.kind in ("connect", "disconnect"):
                meter = of_device[command.device_id]
                meter.off = command.kind == "disconnect"
                self.happened.append(f"{self.now} {meter.supply.name} {command.kind}")
            operations.record_progress(
                [
                    Progress(
                        command_id=command.id,
                        device_id=command.device_id,
                        sequence=command.sequence,
                        state="confirmed",
                        at=self.now,
                        wall_ms=wall_ms,
                        evidence={},
                    )
                ]
            )
            done += 1
        return done

    # -- people ---------------------------------------------------------------------------------------------

    def _pay(self, day: date) -> bool:
        """Recharge the accounts of those who want to; whether any did."""
        before = self.payments
        for name, meter in self.meters.items():
            supply = meter.supply
            if meter.ended_at is not None or any(first <= day < end for first, end in supply.away):
                continue
            if not self._wants_to_pay(name):
                continue
            self.pay(name, supply.recharge_minor)
        return self.payments > before

    def _wants_to_pay(self, name: str) -> bool:
        meter = self.meters[name]
        match meter.supply.pays:
            case "early":
                return self.fresh(name).balance_minor < 10_000
            case "warned":
                return meter.off or self.fresh(name).balance_minor < 2_000
            case "off":
                return meter.off
            case _:
                return False

    def pay(self, name: str, amount_minor: int) -> None:
        self.payments += 1
        self.happened.append(f"{self.now} {name} pays {amount_minor}")
        town_rows.pay(self.meters[name].adopted.account_id, amount_minor, f"pay_{self.payments}", self.now)

    def perform(self, operation: Any, actor: str = "officer") -> Any:
        """Carry out an operation of the registry."""
        from urja.usecases.operations import perform

        self.happened.append(f"{self.now} {type(operation).__name__}")
        return perform(operation, recorded_at=self.now, actor=actor)

    # -- what is seen ---------------------------------------------------------------------------------------

    def fresh(self, name: str) -> Any:
        from urja.apps.billing.queries import fresh_balance

        return fresh_balance(self.meters[name].adopted.account_id, self.now)

    def _note_standings(self) -> None:
        rows = self.connection.execute("SELECT account_id, reason->>'key' FROM supply_state").fetchall()
        names = {meter.adopted.account_id: name for name, meter in self.meters.items()}
        for account_id, key in rows:
            if key not in self.reasons[names[account_id]]:
                self.reasons[names[account_id]].add(key)
                self.happened.append(f"{self.now} {names[account_id]}: {key}")

    def broken(self) -> dict[str, tuple[str, ...]]:
        """Return the laws of the ledger and of switching that do not hold, with what contradicts them."""
        from urja.laws import switching, verify

        found = [
            *verify.examine(self.connection, self.now, ZONE.key),
            *switching.examine(self.connection, self.now, ZONE.key),
        ]
        return {one.law: one.contradictions for one in found if not one.holds}

    def charged(self, name: str, line: str) -> dict[date, int]:
        """What a line has charged a supply, in minor units, by the beginning of the billing period."""
        return dict(
            self.connection.execute(
                "SELECT period_start, -sum(amount_minor)::int FROM books_entry WHERE account_id = %s AND line = %s"
                " AND origin = 'engine' GROUP BY 1 ORDER BY 1",
                [self.meters[name].adopted.account_id, line],
            ).fetchall()
        )

    def commands(self, name: str) -> list[tuple[str, date]]:
        """Which switching commands a supply had, with the local day of each."""
        rows = self.connection.execute(
            "SELECT kind, issued_at FROM commands_command WHERE device_id = %s AND kind IN ('connect', 'disconnect')"
            " AND state = 'confirmed' ORDER BY sequence",
            [self.meters[name].adopted.device_id],
        ).fetchall()
        return [(kind, at.astimezone(ZONE).date()) for kind, at in rows]


def _counted(name: str, values: Mapping[str, int]) -> int:
    if name in values:
        return values[name]
    # Registers count what was never drawn too; means and the status word are not looked at here.
    return 0 if name.endswith(("_wh", "_vah", "_varh")) else NULL


@contextmanager
def _killed_before(statement: int) -> Iterator[None]:
    """The process ends before the n-th statement of the block, where there are so many: what was not committed is gone."""
    from django.db import connection

    numbers = iter(range(1, statement))

    def count(execute, *given):
        if next(numbers, None) is None:
            raise Killed
        return execute(*given)

    with connection.execute_wrapper(count):
        try:
            yield
        except Killed:
            connection.close()
            raise


# -- what people do, by day --------------------------------------------------------------------------------------


def _owes(town: TariffTown) -> None:
    """Old dues, paid in instalments."""
    from urja.apps.billing.models import Arrear
    from urja.usecases.operations import AgreeInstalments

    with town_rows.by_hand(town.now):
        Arrear.objects.create(
            id=(3 << 40) + 900_000,
            account_id=town.meters["debtor"].adopted.account_id,
            bill="B-1",
            due_on=date(2025, 12, 20),
            principal_minor=60_000,
            surcharge_minor=0,
            recorded_at=town.now,
            actor="test",
        )
    plan = AgreeInstalments(
        consumer_number=town.number("debtor"),
        every="month",
        amount_minor=10_000,
        first_due_on=date(2026, 3, 20),
        reason="agreed",
    )
    town.perform(plan)


def _patient(town: TariffTown) -> None:
    town_rows.protect(list(town.meters).index("patient") + 1, at=town.now)


def _order(mode: str, on: date, **more: Any) -> Callable[[TariffTown], None]:
    def act(town: TariffTown) -> None:
        from urja.usecases.operations import ChangeModes

        numbers = tuple(town.number(name) for name in ORDERED)
        town.perform(
            ChangeModes(
                payment_mode=mode,
                effective_on=on,
                consumer_numbers=numbers,
                reason="an order of the state",
                **more,
            )
        )

    return act


def _tops_up(name: str, to_minor: int) -> Callable[[TariffTown], None]:
    """Pay what brings the balance to an amount."""

    def act(town: TariffTown) -> None:
        lacking = to_minor - town.fresh(name).balance_minor
        if lacking > 0:
            town.pay(name, lacking)

    return act


def _new_prices(code: str, old: str, new: str) -> Callable[[TariffTown], None]:
    """The version of the financial year, loaded whenever it is."""

    def act(town: TariffTown) -> None:
        from urja.apps.rulebook.operations import load_tariff

        load_tariff(tariff(code, "2", "2026-04-01", **{old: new}), town.now)

    return act


def _leaves(town: TariffTown) -> None:
    """The roof's people move out at noon, with units in the bank."""
    from urja.usecases.operations import MoveOut

    meter = town.meters["roof"]
    at = town.now - timedelta(minutes=5)
    assert meter.told_to == at
    town.perform(MoveOut(consumer_number=town.number("roof"), at=at, register_wh=meter.totals["import_wh"]))
    meter.ended_at = at


def _confirms(town: TariffTown) -> None:
    from urja.apps.billing.queries.charge_reviews import newest_review
    from urja.usecases.operations import DecideReview

    review = newest_review(town.meters["spiky"].adopted.account_id)
    town.perform(
        DecideReview(
            consumer_number=town.number("spiky"),
            review_id=review.id,
            outcome="confirmed",
            reason="looked at",
        )
    )


THINGS: Final[Mapping[date, Sequence[Callable[[TariffTown], None]]]] = {
    date(2026, 3, 14): (_owes, _patient),
    date(2026, 3, 16): (_order("postpaid", date(2026, 3, 18), no_disconnection_from=date(2026, 3, 17)),),
    date(2026, 3, 21): (_tops_up("spiky", 20_000),),
    date(2026, 3, 25): (_new_prices("shop", "8.00", "8.40"),),
    date(2026, 3, 30): (_tops_up("shop", 70_000),),
    date(2026, 4, 2): (
        _order("prepaid", date(2026, 4, 6), instalments=3),
        _new_prices("home", "3.10", "3.25"),
    ),
    date(2026, 4, 3): (_leaves,),
    date(2026, 4, 8): (_tops_up("spiky", 20_000),),
    date(2026, 4, 13): (_confirms,),
}
"""What is done at noon of a day."""
