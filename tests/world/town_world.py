"""A town in one process on stepped time: the whole circle from use to reconnection, with injected faults.

Beside what `world` has (meters over sockets, head end, JetStream, PostgreSQL, the stages as the runner runs them) here
are two metered transformers, a policy, a payment gateway and a message service with books of their own on sockets of
their own, webhooks through the web's own views, and households that pay by habit. Who is who, when a hand is laid
on a meter and what becomes of payments is drawn from a seed. Every law holds at the end, and every evening.
"""

import asyncio
import contextlib
import random
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final, Literal

import httpx
import msgspec
from tests.world.world import KEK, MONDAY, ZONE, Ground, Trouble, World

from urja.base.clock import Anchor, write_anchor
from urja.base.http import listening
from urja.base.ids import BUCKETS
from urja.base.settings import ChannelSettings, MessagesSettings, UtilitySettings
from urja.cosem.security import wrap_key
from urja.demo import town_laws
from urja.laws import flags as flag_laws, switching as supply_laws
from urja.laws.meter_histories import meter_histories
from urja.laws.report import Findings
from urja.laws.verify import Finding
from urja.meter.engine import PushKind
from urja.meter.faults import Delivery, FaultPlan, FaultRates
from urja.meter.identity import Identity, seeded_identity
from urja.meter.inputs import Hook, Input, MoveTamper, Silence, Weld
from urja.meter.journal import read_journal
from urja.meter.link import FOR_EVER_S
from urja.meter.meter import Push
from urja.meter.station import Station
from urja.meter.surroundings import Transformer
from urja.meter.truth import read_truth
from urja.sandbox.arguments import parse
from urja.sandbox.gateway.arguments import GatewayArguments
from urja.sandbox.gateway.gateway import Gateway
from urja.sandbox.service import running
from urja.sandbox.sms.arguments import SmsArguments
from urja.sandbox.sms.service import SmsService

HOUR: Final = timedelta(hours=1)
EVENING: Final = 15
"""Local hour at which the laws of switching are looked at: the day's window is over."""
PROMISED: Final = timedelta(minutes=35)
"""An order and a payment come through within the half-hour in which they are made."""
SLACK: Final = timedelta(minutes=30)
KEYS: Final = ("rzp_test_world", "only-a-key-secret")
SECRET: Final = "only-a-webhook-secret"

POLICY: Final = """
format = 1
code = "world"
version = "1"
title = "Of a world for tests"
currency = "INR"
valid_from = 2024-04-01
[warnings]
percent_of_last_recharge = [30]
days_left = [1]
[credit]
cut_below = 0
emergency = 5
grace_days_after_conversion = 10
[protected]
hours = [{ from = "18:00", to = "08:00" }]
weekdays = ["sunday"]
[cut]
from = "09:00"
to = "14:30"
opens_within_days = 2
most_per_transformer = 3
stagger_s = 20
max_data_age_hours = 6
max_estimated_percent = 20
[notices]
before_cut = ["zero", "cut"]
least_delivered = 2
lead_hours = 1
repeat_hours = 6
[payments]
authorised_holds_hours = 2
at_most = 3
arrears_percent = 20
[reconnect]
at_least = 0
stagger_s = 5
"""

WEBHOOKS: Final = {
    "lose": 0.2,
    "repeat": 0.2,
    "delay": 0.2,
    "delay_s": [60, 5400],
    "reorder": 0.2,
    "reorder_s": [1, 60],
}
PAYMENTS: Final = {
    "late": 0.15,
    "late_s": [60, 7200],
    "reverse": 0.1,
    "reverse_s": [3600, 21_600],
    "decline": 0.1,
}
MESSAGES: Final = {"usual_s": [20, 240], "late": 0.05, "late_s": [600, 7200], "never": 0.03, "fail": 0.02}

LATE: Final = "4000 0000 0000 0119"
REVERSED: Final = "5105 1051 0510 5100"

LINES: Final = Trouble(
    # Lost are alerts only, all of half the meters (`_AlertsLost`): a lost block delays cuts beyond their windows.
    pushes=FaultRates(duplicate=0.1, delay=0.1, delay_s=0.1, reorder=0.1),
    drop_link=0.01,
)

type Habit = Literal["early", "warned", "disconnected", "never"]


@dataclass(frozen=True)
class House:
    """One household. `number` is of its meter; a heavy and poor one is disconnected, whether it pays or not."""

    meter: Identity
    habit: Habit
    credit_minor: int
    cards: tuple[str, ...] = ()
    """The cards it pays its first recharges with; then by UPI."""
    medical: bool = False
    converted: bool = False
    """Became prepaid just now."""

    @property
    def serial(self) -> str:
        return self.meter.serial


@dataclass(frozen=True)
class Town:
    """Who lives where, behind which transformer."""

    houses: tuple[House, ...]
    transformers: tuple[Transformer, ...]
    posts: tuple[Identity, ...]
    """The transformers' own meters."""

    @classmethod
    def of(cls, seed: int) -> "Town":
        """The same for the same seed: eight houses on two transformers, each fate twice at most."""
        chance = random.Random(f"town {seed}")
        houses = [
            cls._house(seed, 1, "T1", "heavy", "never", chance.randrange(500, 1_500)),
            cls._house(seed, 2, "T1", "heavy", "disconnected", chance.randrange(500, 2_500)),
            cls._house(seed, 3, "T1", "heavy", "never", 300, medical=True),
            cls._house(seed, 4, "T1", "family", "early", chance.randrange(9_000, 15_000)),
            cls._house(seed, 5, "T2", "heavy", "never", chance.randrange(2_000, 12_000)),
            cls._house(seed, 6, "T2", "heavy", "disconnected", 600, cards=(REVERSED, LATE)),
            cls._house(seed, 7, "T2", "heavy", "never", 300, converted=True),
            cls._house(seed, 8, "T2", "family", "warned", chance.randrange(1_000, 4_000)),
        ]
        posts = [seeded_identity(f"{seed:03d}T{n:04d}", "urja-dt", seed * 1000 + 500 + n) for n in (1, 2)]
        transformers = [
            Transformer(id=f"T{n}", feeder="F1", meter=post.serial) for n, post in enumerate(posts, 1)
        ]
        return cls(tuple(houses), tuple(transformers), tuple(posts))

    @staticmethod
    def _house(
        seed: int, number: int, transformer: str, life: str, habit: Habit, credit_minor: int, **more: Any
    ) -> House:
        plain = seeded_identity(
            f"{seed:03d}{number:05d}", "urja-d1", seed * 1000 + number, start_wh=number * 10_000
        )
        meter = msgspec.structs.replace(plain, life=life, transformer=transformer)
        return House(meter, habit, credit_minor, **more)

    @property
    def meters(self) -> list[Identity]:
        return [*(house.meter for house in self.houses), *self.posts]


@dataclass(frozen=True)
class Manipulation:
    """A manipulation of a meter, so long after the beginning."""

    after: timedelta
    number: int
    """Of the house."""
    what: Input | Callable[[datetime], Input]


def _out_of_reach(hours: float) -> Callable[[datetime], Input]:
    return lambda now: Silence(int((now + timedelta(hours=hours)).timestamp()))


def manipulations_of(seed: int) -> list[Manipulation]:
    """Two days and a half of hands on meters; who and when follows from the seed."""
    chance = random.Random(f"deeds {seed}")

    def within(first_h: float, last_h: float) -> timedelta:
        return timedelta(seconds=int(chance.uniform(first_h, last_h) * 3600))

    magnet, neutral, cover, far = chance.sample(range(1, 9), 4)
    magnet_at, quiet_at, hook_at = within(2, 20), within(24, 40), within(2, 6)
    absent = chance.choice((1, 2, 6))
    return [
        # One of these is disconnected and stays powered; one pays in time, so its weld is never found.
        Manipulation(within(0.1, 0.5), chance.choice((1, 5)), Weld(True)),
        Manipulation(within(0.1, 20), 4, Weld(True)),
        Manipulation(hook_at, chance.choice((7, 8)), Hook(chance.choice((3000, 4000)))),
        Manipulation(magnet_at, magnet, MoveTamper("magnet", True)),
        Manipulation(magnet_at + within(0.1, 5), magnet, MoveTamper("magnet", False)),
        Manipulation(within(1, 50), neutral, MoveTamper("neutral", True)),
        Manipulation(within(1, 50), cover, MoveTamper("cover", True)),
        # A cover that is opened where nothing can be heard of it, until it can.
        Manipulation(quiet_at, far, _out_of_reach(4)),
        Manipulation(quiet_at + within(0.5, 3), far, MoveTamper("cover", True)),
        Manipulation(within(0.5, 4), absent, _out_of_reach(chance.uniform(1, 4))),
        Manipulation(within(24, 28), chance.choice((2, 6)), _out_of_reach(chance.uniform(0.5, 5))),
        # And one that sends nothing for ever, from the first night on.
        Manipulation(within(12, 30), 3, Silence(FOR_EVER_S)),
    ]


class TownWorld(World):
    """Use it as `async with TownWorld.opened(...) as town`; then `live`, `findings`, `come_to_rest`, `findings`."""

    # Asked when all that was under way has come.
    waits_s: ClassVar[dict[str, float]] = {"READINGS": 0.02, "OUTCOMES": 0.01, "PROGRESS": 0.01}

    def __init__(
        self,
        ground: Ground,
        seed: int,
        trouble: Trouble,
        town: Town,
        manipulations: list[Manipulation],
        start: datetime,
    ) -> None:
        super().__init__(ground, seed, trouble, town.meters, start)
        self.town = town
        self.transformers = town.transformers
        self.began_at = start
        self.manipulations = sorted(manipulations, key=lambda manipulation: manipulation.after)
        self.evenings: dict[str, list[str]] = defaultdict(list)
        """What contradicted the laws of switching at the end of a day."""
        self._settings: Any = None
        self._anchor = ground.folder / "clock.json"
        self._gateway: Gateway
        self._sms: SmsService
        self._payers: httpx.AsyncClient
        self._accounts: dict[str, int] = {}
        self._recharges: dict[str, int] = defaultdict(int)
        self._not_before: dict[str, datetime] = {}

    @classmethod
    @contextlib.asynccontextmanager
    async def opened(
        cls,
        ground: Ground,
        *,
        seed: int = 1,
        town: Town | None = None,
        manipulations: list[Manipulation] | None = None,
        trouble: Trouble = LINES,
        start: datetime = MONDAY,
    ) -> "AsyncIterator[TownWorld]":
        """The town, moved in, with everything around it, nothing lived yet."""
        world = cls(
            ground,
            seed,
            trouble,
            town or Town.of(seed),
            manipulations_of(seed) if manipulations is None else manipulations,
            start,
        )
        async with world._outside_open(), world.standing():
            yield world

    # -- raising --------------------------------------------------------------------------------------------

    @contextlib.asynccontextmanager
    async def _outside_open(self) -> AsyncIterator[None]:
        """Gateway and message service with their books, and the web's views that they call."""
        from django.core.asgi import get_asgi_application
        from django.test import override_settings

        from urja.apps.notices.config import channels_of
        from urja.apps.payments.config import GatewayConfig, PaymentsConfig
        from urja.apps.payments.providers.razorpay.settings import Options

        self._tell_time()
        async with contextlib.AsyncExitStack() as stack:
            port = await stack.enter_async_context(listening(get_asgi_application(), "127.0.0.1", 0))
            web = f"http://127.0.0.1:{port}"
            gateway_given = parse(
                self._arguments("gateway", f"{web}/hooks/payments/razorpay/", WEBHOOKS, payments=PAYMENTS),
                GatewayArguments,
            )
            sms_given = parse(
                self._arguments("sms", f"{web}/hooks/notices/sms/", WEBHOOKS, messages=MESSAGES), SmsArguments
            )
            utility = UtilitySettings(timezone=str(ZONE))
            self._gateway = Gateway(gateway_given, utility, self.clock, self.clock)
            self._sms = SmsService(sms_given, utility, self.clock, self.clock)
            shop = await stack.enter_async_context(running(self._gateway, gateway_given, stepped=True))
            post = await stack.enter_async_context(running(self._sms, sms_given, stepped=True))
            self._payers = await stack.enter_async_context(
                httpx.AsyncClient(base_url=shop.url, trust_env=False)
            )
            self._shop_url = shop.url
            stack.enter_context(
                override_settings(
                    URJA_CLOCK_ANCHOR=self._anchor,
                    URJA_CHANNELS=channels_of(
                        MessagesSettings(
                            channels={
                                "sms": ChannelSettings(
                                    provider="sandbox", options={"base_url": post.url, "key_id": KEYS[0]}
                                )
                            }
                        ),
                        {"sms": {"key_secret": KEYS[1], "webhook_secret": SECRET}},
                    ),
                    URJA_PAYMENTS=PaymentsConfig(
                        (
                            GatewayConfig(
                                "razorpay",
                                "razorpay",
                                Options(base_url=shop.url, key_id=KEYS[0]),
                                secrets={"key_secret": KEYS[1], "webhook_secret": SECRET},
                            ),
                        )
                    ),
                )
            )
            yield

    def _arguments(self, name: str, webhook_url: str, rates: dict[str, Any], **more: Any) -> dict[str, Any]:
        return {
            "port": 0,
            "ready_port": 0,
            "database": str(self.ground.folder / f"{name}.sqlite3"),
            "webhook_url": webhook_url,
            "webhook_secret": SECRET,
            "key_id": KEYS[0],
            "key_secret": KEYS[1],
            "seed": self.seed,
            "webhooks": rates,
            **more,
        }

    def _tell_time(self) -> None:
        """To the web, which has its time from a file."""
        write_anchor(self._anchor, Anchor(0.0, self.clock.now().timestamp(), 0.0))

    async def _move_in(self) -> None:
        self._accounts = await self.in_thread(_move_in, self.town, self.seed, self.clock.now())

    # -- living ---------------------------------------------------------------------------------------------

    async def live_until(self, end: datetime) -> None:
        """By half-hours while cuts are open and until a day is closed, in longer strides else."""
        while self.clock.now() < end:
            hour = self.clock.now().astimezone(ZONE).hour
            await self._interval(1 if 8 <= hour < EVENING or hour == 0 else 3)

    def _happenings(self, boundary: datetime) -> Iterator[tuple[datetime, Callable[[], None]]]:
        yield from super()._happenings(boundary)
        while self.manipulations and self.began_at + self.manipulations[0].after <= boundary:
            manipulation = self.manipulations.pop(0)
            yield self.began_at + manipulation.after, self._execution(manipulation)

    async def _start_fleet(self, stack: contextlib.AsyncExitStack) -> None:
        await super()._start_fleet(stack)
        for station in self.stations[::2]:
            station.plan = _AlertsLost(station.meter.identity.serial, station.plan.rates)

    def _execution(self, manipulation: Manipulation) -> Callable[[], None]:
        station = self.fleet.stations[self.town.houses[manipulation.number - 1].serial]

        def act() -> None:
            what = manipulation.what(self.clock.now()) if callable(manipulation.what) else manipulation.what
            self.happened.append(f"{self.clock.now()} {station.meter.identity.serial} {what}")
            _happen(station, what)

        return act

    async def run_stages(self) -> None:
        """As all the loops would within a minute: what comes in, what is decided, what is carried out."""
        await self._outside()
        await self._stages("ingest", "gaps", "post", "collect:razorpay", "decide", "notify")
        if await self._recharge():
            await self._outside()
            await self._stages("collect:razorpay", "decide")
        await self._stages("display", "dispatch")
        if await self.in_thread(_in_hand):
            await self._carried_out()
            await self._stages("decide")
        await self._stages("project")
        now = self.clock.now().astimezone(ZONE)
        if now.hour == EVENING and now.minute < 30:
            for finding in await self.in_thread(self._switching):
                self.evenings[finding.law] += [f"{now:%a}: {words}" for words in finding.contradictions]

    async def _stages(self, *names: str) -> None:
        for name in names:
            await self.run(name)

    async def _outside(self) -> None:
        """Banks and handsets do what is due, and what the services have to tell is told."""
        self._tell_time()
        for service in (self._gateway, self._sms):
            service.tick(self.clock.now())
            await service.outbox.run_once()

    async def _carried_out(self, within_s: float = 5.0) -> None:
        """Let the head end end what it can: what waits for a meter out of reach is told as such."""
        loop = asyncio.get_running_loop()
        give_up = loop.time() + within_s
        while loop.time() < give_up and await self.in_thread(_in_hand):
            await self._quiet(1.0)
            await self.run("dispatch")

    @property
    def _resting(self) -> bool:
        return super()._resting and not any(lane.running for lane in self.headend.orders._queues.values())

    # -- households -----------------------------------------------------------------------------------------

    async def _recharge(self) -> bool:
        """Every household looks at its balance, and pays by habit; whether any did."""
        now, paid = self.clock.now(), False
        seen = await self.in_thread(_standings, self._accounts.values())
        for house in self.town.houses:
            standing = seen.get(self._accounts[house.serial])
            if standing is None or now < self._not_before.get(house.serial, now):
                continue
            if _time_to_pay(house.habit, standing):
                self._not_before[house.serial] = now + HOUR
                await self._pay(house)
                paid = True
        return paid

    async def _pay(self, house: House) -> None:
        amount_minor = self.chance.choice((10_000, 20_000, 30_000))
        order_id = await self.in_thread(_order, self._accounts[house.serial], amount_minor, self.clock.now())
        turn = self._recharges[house.serial]
        self._recharges[house.serial] += 1
        way, form = "upi", {}
        if turn < len(house.cards):
            way, form = "card", {"number": house.cards[turn], "expiry": "12/39", "cvv": "123"}
        answer = await self._payers.post(f"/pay/{order_id}/{way}", data=form)
        assert answer.status_code == 303, answer.text
        self.happened.append(f"{self.clock.now()} {house.serial} pays {amount_minor} by {way}")

    # -- coming to rest -------------------------------------------------------------------------------------

    async def come_to_rest(self, within: timedelta = timedelta(hours=10)) -> None:
        """Every link is repaired; then as in any world, and until both books of payments agree."""
        self.manipulations.clear()
        for station in self.stations:
            if not station.reachable:
                _happen(station, Silence(0))
        dialling = [station for station in self.stations if station.meter.identity.listen is None]
        await self._until(lambda: all(station.linked for station in dialling if station.is_installed))
        await super().come_to_rest(within)

    def _set_clock(self, station: Station) -> None:
        """Clocks here are right; setting one would leave a doubtful interval."""

    async def _awaited(self) -> tuple[str, ...]:
        return (*await super()._awaited(), *await self.in_thread(self._uncredited))

    def _uncredited(self) -> tuple[str, ...]:
        with self.ground.database.connect() as connection:
            agree = town_laws.credited(connection, self.book())
        return () if agree else ("the ledger is behind the gateway's book",)

    # -- the laws -------------------------------------------------------------------------------------------

    def book(self) -> list[dict[str, Any]]:
        """Every payment as the gateway itself has it."""
        answer = httpx.get(f"{self._shop_url}/book/payments", auth=KEYS, timeout=20, trust_env=False)
        payments: list[dict[str, Any]] = answer.raise_for_status().json()["payments"]
        return payments

    async def flags(self) -> Finding:
        """The law of flags now, while meters send nothing and no visit was made."""
        return await self.in_thread(self._flags, self._last_boundary())

    async def flag_kinds(self) -> set[str]:
        """Of what is flagged at the moment."""
        from urja.apps.supply.queries.flags import flagged

        return {flag.kind.value for flag in await self.in_thread(flagged, self._last_boundary())}

    def _last_boundary(self) -> datetime:
        now_s = int(self.clock.now().timestamp())
        return datetime.fromtimestamp(now_s - now_s % 1800, self.clock.now().tzinfo)

    async def examine(self) -> Findings:
        """All laws: of the books, of switching, of the gateway's book, of the switches, of flags."""
        spine = await super().examine()
        return spine.with_more(await self._others(), await self.in_thread(self._figures))

    async def town_laws(self) -> dict[str, tuple[str, ...]]:
        """What contradicts the laws beside those of the spine, as things stand."""
        self.horizon = self._last_boundary()
        return {law.law: law.contradictions for law in await self._others()}

    async def _others(self) -> list[Finding]:
        found = [*await self.in_thread(self._town), *await self.in_thread(self._switching)]
        return [replace(law, contradictions=(*law.contradictions, *self.evenings[law.law])) for law in found]

    def _figures(self) -> dict[str, Any]:
        with self.ground.database.connect() as connection:
            return town_laws.figures(connection, self.book())

    def _switching(self) -> list[Finding]:
        with self.ground.database.connect() as connection:
            return supply_laws.examine(connection, self.clock.now(), str(ZONE))

    def _town(self) -> list[Finding]:
        houses = [self.fleet.town.house(station) for station in self.stations]
        now = self.clock.now()
        pasts = meter_histories(self.fleet.file, self._journal(), now)
        with self.ground.database.connect() as connection:
            return [
                *town_laws.examine(connection, self.book(), houses, now - HOUR),
                *town_laws.examine_reached(connection, pasts, now, PROMISED),
                self._flags(self.horizon),
            ]

    def _flags(self, horizon: datetime) -> Finding:
        self.fleet.flush()
        records = read_truth(self.ground.folder / "truth.jsonl")
        with self.ground.database.connect() as connection:
            return flag_laws.examine(connection, self.fleet.file, self._journal(), records, horizon, SLACK)

    def _journal(self) -> list[Any]:
        return read_journal(self.ground.folder / self.fleet.file.inputs)


class _AlertsLost(FaultPlan):
    """A way on which every alert is lost: of a tamper only the meter's counter tells, and then its log."""

    def pass_on(self, pushes: list[Push]) -> list[Delivery]:
        told = [push for push in pushes if push.kind is not PushKind.ALERT]
        self.lost += len(pushes) - len(told)
        return super().pass_on(told)


def _happen(station: Station, what: Input) -> None:
    if isinstance(what, Silence):
        station.interrupt_link(what.until_s)
    else:
        station.apply_input(what)


# -- in the thread that has Django's connection -----------------------------------------------------------------


def _move_in(town: Town, seed: int, now: datetime) -> dict[str, int]:
    """Tariff, policy, transformers, meters, households and what they are; each account by its meter's serial."""
    from tests.apps import town as town_rows

    from urja.apps.rulebook.operations import load_tariff
    from urja.apps.rulebook.queries.tariffs import bundled_tariffs
    from urja.usecases.operations import (
        Adoption,
        InstallNetworkMeter,
        Protect,
        add_transformer,
        adopt_meter,
        install_network_meter,
        perform,
    )
    from urja.usecases.policies import load_policy

    stamp: dict[str, Any] = {"recorded_at": now, "actor": "world"}
    chance = random.Random(f"buckets {seed}")
    load_tariff(bundled_tariffs()["demo-domestic.toml"], now)
    load_policy(POLICY, **stamp)
    for transformer, post in zip(town.transformers, town.posts, strict=True):
        add_transformer(transformer.id, feeder=transformer.feeder, **stamp)
        installation = InstallNetworkMeter(
            **_installed(post, transformer.id, now),
            max_power_w=200_000,
            premise_name=transformer.id,
            bucket=chance.randrange(BUCKETS),
        )
        install_network_meter(installation, **stamp)
    accounts = {}
    for house in town.houses:
        adoption = Adoption(
            **_installed(house.meter, house.meter.transformer, now),
            max_power_w=15_000,
            tariff_code="demo-domestic",
            sanctioned_load_w=5000,
            person_name=f"House {house.serial}",
            email=f"{house.serial}@street.example",
            phone=f"+91 00000 {house.serial[-5:]}",
            credit_minor=house.credit_minor,
            converted_at=now if house.converted else None,
            bucket=chance.randrange(BUCKETS),
        )
        adopted = adopt_meter(adoption, **stamp)
        town_rows.passed(adopted.device_id, now)
        accounts[house.serial] = adopted.account_id
        if house.medical:
            medical = Protect(
                consumer_number=house.serial,
                kind_of_protection="medical",
                evidence="a certificate",
                protected_from=now,
            )
            perform(medical, **stamp)
    return accounts


def _installed(meter: Identity, transformer: str | None, now: datetime) -> dict[str, Any]:
    return {
        "serial": meter.serial,
        "system_title": meter.title,
        "device_type": meter.device_type,
        "interval_s": meter.type.interval_s,
        "load_switch": meter.type.relay,
        "wrapped_guek": wrap_key(KEK, meter.keys.guek),
        "wrapped_gak": wrap_key(KEK, meter.keys.gak),
        "register_wh": meter.start_wh,
        "valid_from": now,
        "address": meter.listen,
        "transformer": transformer,
    }


def _standings(account_ids: Iterable[int]) -> dict[int, Any]:
    from urja.apps.supply.queries import standings

    return standings(account_ids)


def _time_to_pay(habit: Habit, standing: Any) -> bool:
    match habit:
        case "early":
            return standing.balance_minor < 8_000
        case "warned":
            return standing.standing != "fine"
        case "disconnected":
            return standing.supply == "off"
    return False


def _order(account_id: int, amount_minor: int, now: datetime) -> str:
    """As the portal and the stage `collect` do it: an order of ours, taken to the gateway."""
    from urja.apps.payments import clients, order_placement, requests
    from urja.apps.payments.queries import gateways

    config = gateways.config()
    assert config is not None
    order = requests.open_order(
        config,
        "razorpay",
        account_id=account_id,
        user_id=None,
        amount_minor=amount_minor,
        currency="INR",
        now=now,
    )
    placed = clients.gateway("razorpay").client.place_order(order.receipt, amount_minor, "INR", again=False)
    order_placement.record_placed(order, placed, now)
    return placed


def _in_hand() -> int:
    """Commands that the head end has, and has not reported as waiting for the meter."""
    from urja.apps.commands.kinds import State
    from urja.apps.commands.models import Command

    return Command.objects.filter(state__in=(State.SENT, State.ACKNOWLEDGED), again_at=None).count()
