"""What befalls the demonstration's town beyond its meters (somebody moves, a meter burns, a load is raised), and the
clerks who put it down.

A clerk does what one would at the portal: files a request under a name of their own, and sees what became of it. The
fitter is the fleet's `exchange`. Who it befalls follows from the seed, when from the business clock.
"""

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from urja.usecases.operations import UseCase

CLERK: Final = "clerk@street.example"
"""Who files what befalls the town."""

TARIFF: Final = "demo-domestic"

NEWCOMER: Final = "newcomer@street.example"

_VACANT: Final = timedelta(minutes=40)
_CALLED_EVERY: Final = timedelta(minutes=20)
_LABORATORY: Final = timedelta(hours=3)
"""So long after an exchange the burnt meter's register is read after all."""

EVENT_HOUSES: Final = 3
"""So many houses it befalls."""

type Fleet = Callable[..., Awaitable[dict[str, Any]]]
"""An order to the fleet, as its control takes it, and the answer."""


class MeterState(Enum):
    """Where a meter that was hung up stands."""

    TO_BE_CALLED = auto()
    CALLED = auto()
    IN_SERVICE = auto()


type MeterStateQuery = Callable[[str], Awaitable[MeterState]]
type RequestFiler = Callable[["UseCase", datetime], Awaitable[list[str]]]
"""A request, filed at an instant: what was said against it; nothing where it was done."""


@dataclass(frozen=True, slots=True)
class TownEvents:
    """Whom it befalls: serials, which are the consumer numbers of the demonstration's houses."""

    moves: str
    burns: str
    spare: str
    """The meter that comes in the burnt one's place."""
    grows: str
    load_w: int
    """What is sanctioned then."""

    @classmethod
    def of(cls, seed: int, serials: list[str], spare: str, load_w: int) -> "TownEvents":
        """Three houses by lot. Raises ValueError where there are fewer."""
        chance = random.Random(f"fates {seed}")  # noqa: S311 - a story, not a secret
        moves, burns, grows = chance.sample(serials, EVENT_HOUSES)
        return cls(moves, burns, spare, grows, load_w)


@dataclass(slots=True)
class Clerks:
    """Does what is due at each `work`; what was refused is told in `refused`."""

    fates: TownEvents
    began_at: datetime
    fleet: Fleet
    file: RequestFiler
    look: MeterStateQuery
    zone: ZoneInfo
    tariff: str
    told: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    _due: list[tuple[datetime, Callable[[datetime], Awaitable[None]]]] = field(default_factory=list)
    _burnt_wh: int = 0

    def __post_init__(self) -> None:
        self._due = [
            (self.began_at + timedelta(minutes=70), self._raise_load),
            (self.began_at + timedelta(minutes=100), self._exchange),
            (self.began_at + timedelta(minutes=160), self._move_out),
        ]

    @property
    def done(self) -> bool:
        """Whether nothing is to come any more."""
        return not self._due

    async def finish(self, now: datetime) -> None:
        """Do at once what is still to come of what has begun: nobody waits for the laboratory, or in front of a house.

        A meter that is not in service yet is called once more; whoever ends the town waits for its answer.
        """
        begun = (self._read_in_the_laboratory, self._move_in, self._call)
        self._due = [(now, act) for _, act in self._due if act in begun]
        await self.work(now)

    async def work(self, now: datetime) -> None:
        """Whatever is due by now, in its order."""
        for at, act in sorted(self._due, key=lambda item: item[0]):
            if at <= now:
                self._due.remove((at, act))
                await act(now)

    async def _put_down(self, operation: "UseCase", now: datetime) -> None:
        faults = await self.file(operation, now)
        self.told.append(f"{now.isoformat()} {operation.kind()}{': ' if faults else ''}{'; '.join(faults)}")
        self.refused += faults

    async def _raise_load(self, now: datetime) -> None:
        from urja.usecases.operations import ChangeLoad

        today = now.astimezone(self.zone).date()
        await self._put_down(
            ChangeLoad(
                consumer_number=self.fates.grows,
                effective_on=today,
                sanctioned_load_w=self.fates.load_w,
            ),
            now,
        )

    async def _exchange(self, now: datetime) -> None:
        """The display is black: the last register is estimated. The new meter is called as soon as it is on line."""
        from urja.usecases.operations import ExchangeMeter

        answer = await self.fleet("exchange", serials=[self.fates.burns, self.fates.spare])
        comes = answer["exchanged"]
        self._burnt_wh = answer["taken_away"]["register_wh"]
        await self._put_down(
            ExchangeMeter(
                consumer_number=self.fates.burns,
                at=datetime.fromisoformat(comes["lived_to"]),
                old_register_wh=None,
                new_serial=self.fates.spare,
                new_register_wh=comes["register_wh"],
                reason="burnt",
            ),
            now,
        )
        self._due.append((now + _CALLED_EVERY, self._call))
        self._due.append((now + _LABORATORY, self._read_in_the_laboratory))

    async def _call(self, now: datetime) -> None:
        """A meter that was not reached is called again, until it is in service."""
        from urja.usecases.operations import Commission

        state = await self.look(self.fates.spare)
        if state is MeterState.TO_BE_CALLED:
            await self._put_down(Commission(serial=self.fates.spare), now)
        if state is not MeterState.IN_SERVICE:
            self._due.append((now + _CALLED_EVERY, self._call))

    async def _read_in_the_laboratory(self, now: datetime) -> None:
        from urja.usecases.operations import CorrectLastRead

        await self._put_down(
            CorrectLastRead(
                serial=self.fates.burns, register_wh=self._burnt_wh, reason="read in the laboratory"
            ),
            now,
        )

    async def _move_out(self, now: datetime) -> None:
        from urja.usecases.operations import MoveOut

        at, register_wh = await self._read()
        await self._put_down(MoveOut(consumer_number=self.fates.moves, at=at, register_wh=register_wh), now)
        self._due.append((now + _VACANT, self._move_in))

    async def _move_in(self, now: datetime) -> None:
        from urja.usecases.operations import MoveIn

        at, register_wh = await self._read()
        await self._put_down(
            MoveIn(
                consumer_number=self.fates.moves,
                at=at,
                register_wh=register_wh,
                name="Newcomer",
                email=NEWCOMER,
                tariff_code=self.tariff,
                sanctioned_load_w=2000,
                credit_minor=50_000,
            ),
            now,
        )

    async def _read(self) -> tuple[datetime, int]:
        """The register of whose house changes hands, read from its display now."""
        [house] = (await self.fleet("houses", serials=[self.fates.moves]))["houses"]
        return datetime.fromisoformat(house["lived_to"]), house["register_wh"]


def file_request(operation: "UseCase", now: datetime) -> int:
    """File a request as the clerk; its number. Needs Django set up, as whoever may write requests."""
    from urja.apps.journal import requests
    from urja.usecases.operations import employ
    from urja.usecases.staff import user_of

    user = user_of(CLERK) or employ(CLERK, "Clerk", "clerk", recorded_at=now, actor="urja demo")
    return requests.submit(operation, actor=f"user {user.pk}", requested_at=now).id


def meter_state(serial: str) -> MeterState:
    """Whether a meter is in service, being called, or waits for that."""
    from urja.apps.assets.queries import is_in_service
    from urja.apps.commissioning.queries import is_called

    if is_in_service(serial):
        return MeterState.IN_SERVICE
    return MeterState.CALLED if is_called(serial) else MeterState.TO_BE_CALLED


def request_outcome(request_id: int) -> tuple[bool, list[str]]:
    """Whether a request was answered, and what was said against it."""
    from urja.apps.journal.kinds import RequestState
    from urja.apps.journal.queries import request_of

    found = request_of(request_id)
    assert found is not None, "it was asked for"
    return found.state != RequestState.WAITING, found.faults
