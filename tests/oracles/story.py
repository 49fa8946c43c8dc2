"""Days of a town without chance: what is read, asked for and paid is fixed, the stages do the rest."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from unittest import mock
from zoneinfo import ZoneInfo

from tests.apps import town
from tests.apps.town import START, adopt
from tests.pipeline.test_arrears import load as load_policy, owes
from tests.pipeline.test_decide import Place
from tests.pipeline.test_post import load as load_tariff
from tests.usecases.life import commissioned, connect, do, install_meter, stock
from tests.usecases.test_terms import change_load

KEY = bytes(range(32))
DAYS = 5
USED_WH = (0, 2_500, 800, 4_000, 300)
"""Of each house in each look at it after the night's; the first has used its credit up on the first morning."""


@dataclass(frozen=True)
class Home:
    """A meter on a place, with its agreement of today."""

    service_point_id: int
    device_id: int
    agreement_id: int
    account_id: int


class Story(Place):
    """Five houses, and one that is built meanwhile."""

    pages_look = False

    def live(self, day: int) -> None:
        """A day in five looks: what is used and asked for, then the stages."""
        for hour in (1, 9, 11, 12, 20):
            self.now = self.at(day, hour)
            for house, used_wh in enumerate(USED_WH):
                used_up = (day, hour, house) == (1, 9, 0)
                self.use(60_000 if used_up else used_wh if hour > 1 else 0, house=house)
            happens = getattr(self, f"on_{day}_at_{hour}", None)
            if happens is not None:
                happens()
            self.go()
            self.deliver()

    def seal(self, day: int, folder: Path) -> None:
        from urja.pipeline.seal import Sealer

        Sealer(ZoneInfo(town.ZONE), KEY, folder).run_once(self.at(day + 1, 0, 30))

    # The first house is disconnected, pays, and is reconnected.

    def on_1_at_12(self):
        self.sent()
        self.report("confirmed", evidence={"control_state": "disconnected"})

    def on_1_at_20(self):
        town.pay(self.houses[0].account_id, 60_000, "pay_1", self.now)
        # The second one's recharge pays old dues too; the last one's is returned in part.
        town.pay(self.houses[1].account_id, 10_000, "pay_2", self.now)
        credit = town.pay(self.houses[4].account_id, 8_000, "pay_3", self.now)
        town.give_back(credit, 5_000, "refund_1", self.now)

    def on_2_at_9(self):
        self.sent()
        self.report("connected_load_unproven", evidence={"control_state": "connected", "load_w": 0})
        do(change_load(7_000, 3), self.now)
        self.order("hold", "safety", house=1)

    def on_2_at_11(self):
        self.order("release", "safety", house=1)

    # The third one's meter is exchanged, the fourth one's people leave, others come.

    def on_2_at_12(self):
        town.in_stock(12)
        old, read_wh = self.houses[2], self.registers[2]
        done = town.exchange(3, 12, self.now, old_wh=read_wh, new_wh=150)
        self.houses[2] = Home(
            old.service_point_id, done.outcome["device_id"], old.agreement_id, old.account_id
        )
        self.registers[2] = 150

    def on_3_at_9(self):
        from urja.apps.contracts.models import Agreement
        from urja.usecases.operations import MoveIn, MoveOut

        number, old = "URJ00000004", self.houses[3]
        do(MoveOut(consumer_number=number, at=self.now, register_wh=self.registers[3]), self.now)
        arrival = MoveIn(
            consumer_number=number, at=self.now, name="Meera", email="meera@example.org", tariff_code="demo",
            sanctioned_load_w=4000, register_wh=self.registers[3],
        )  # fmt: skip
        do(arrival, self.now)
        found = Agreement.objects.get(service_point__consumer_number=number, valid_to=None)
        self.houses[3] = Home(old.service_point_id, old.device_id, found.id, found.account_id)

    def on_3_at_20(self):
        """A service point is made, its meter installed and commissioned, and a consumer moves in."""
        from urja.usecases.operations import MoveIn

        connect("C-1", self.now)
        stock(21)
        install_meter(21, self.now, register_wh=100)
        commissioned(21, self.now)
        arrival = MoveIn(
            consumer_number="C-1", at=self.now, name="Ravi", email="ravi@example.org", tariff_code="demo",
            sanctioned_load_w=2000,
        )  # fmt: skip
        do(arrival, self.now)


@contextmanager
def told(database, folder: Path) -> Iterator[Story]:
    """The town with its documents, people and dues, and five days of it."""
    from urja.apps.rulebook import operations as rulebook
    from urja.apps.rulebook.queries.tariffs import bundled_tariffs

    rulebook.load_tariff(bundled_tariffs()["demo-domestic.toml"], START)
    load_tariff()
    load_tariff("2", "2026-03-05", "3.50")
    homes = [
        adopt(1, credit_minor=10_000),
        adopt(2, credit_minor=50_000, bucket=9),
        adopt(3, credit_minor=30_000, tariff_code="demo-domestic"),
        adopt(4, credit_minor=80_000, bucket=11, sanctioned_load_w=3000),
        adopt(5, credit_minor=2_000),
    ]
    story = Story(database, homes)
    # A new connection draws its bucket.
    with closing(story.connection), mock.patch("secrets.randbelow", return_value=12):
        _prepare(story)
        for day in range(1, DAYS + 1):
            story.live(day)
            story.seal(day, folder)
        yield story


def _prepare(story: Story) -> None:
    """A policy, old dues, a plan to pay some of them, a protection."""
    from urja.usecases.operations import AgreeInstalments, Protect

    homes = story.houses
    load_policy(20)
    owes(homes[1], ("B-1", "2025-12-31", 3_000, 200), ("B-2", "2026-01-31", 6_000, 0))
    owes(homes[4], ("B-7", "2026-01-31", 4_000, 100))
    plan = AgreeInstalments(
        consumer_number="URJ00000005", every="day", amount_minor=700, first_due_on=date(2026, 3, 3), reason="agreed"
    )  # fmt: skip
    do(plan)
    protection = Protect(
        consumer_number="URJ00000005", kind_of_protection="medical", evidence="a certificate", protected_from=START
    )  # fmt: skip
    do(protection)
