"""Events of the demonstration's town besides its meters (a move, a burnt meter, a raised load), and the clerks who
record them.

A clerk does what one would at the portal: submits a request under a name of their own, and reads the result. The
fitter is the fleet's `exchange`. The seed decides which households are affected, the business clock when.
"""

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from urja.base.untyped_values import JsonObject

if TYPE_CHECKING:
    from urja.usecases.operations import UseCase

CLERK: Final = "clerk@street.example"
"""Sign-in address of the clerk who submits the requests."""

TARIFF: Final = "demo-domestic"

NEWCOMER: Final = "newcomer@street.example"

_VACANT: Final = timedelta(minutes=40)
_CALLED_EVERY: Final = timedelta(minutes=20)
_LABORATORY: Final = timedelta(hours=3)
"""Business time from an exchange until the burnt meter's register is read after all."""

EVENT_HOUSES: Final = 3
"""Number of affected households."""

type Fleet = Callable[..., Awaitable[JsonObject]]
"""Sends an order to the fleet's control, and returns the answer."""


class MeterState(Enum):
    """State of an installed meter."""

    TO_BE_CALLED = auto()
    CALLED = auto()
    IN_SERVICE = auto()


type MeterStateQuery = Callable[[str], Awaitable[MeterState]]
type RequestFiler = Callable[["UseCase", datetime], Awaitable[list[str]]]
"""Submits a request at an instant and returns its faults; none where it was performed."""


@dataclass(frozen=True, slots=True)
class TownEvents:
    """The affected households: serial numbers, which are the consumer numbers of the demonstration."""

    moves: str
    burns: str
    spare: str
    """The meter that replaces the burnt one."""
    grows: str
    load_w: int
    """The new sanctioned load, in W."""

    @classmethod
    def of(cls, seed: int, serials: list[str], spare: str, load_w: int) -> "TownEvents":
        """Draw three households by seed. Raises ValueError where there are fewer."""
        chance = random.Random(f"fates {seed}")  # noqa: S311 - a story, not a secret
        moves, burns, grows = chance.sample(serials, EVENT_HOUSES)
        return cls(moves, burns, spare, grows, load_w)


@dataclass(slots=True)
class Clerks:
    """Carries out due events at each `work`; faults of refused requests are collected in `refused`."""

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
        """Whether no event is left."""
        return not self._due

    async def finish(self, now: datetime) -> None:
        """Carry out at once what has begun: the reading in the laboratory, the move-in, the call of the new meter.

        A meter that is not in service yet is called once more; the caller waits for its answer.
        """
        begun = (self._read_in_the_laboratory, self._move_in, self._call)
        self._due = [(now, act) for _, act in self._due if act in begun]
        await self.work(now)

    async def work(self, now: datetime) -> None:
        """Carry out all events that are due, in their order."""
        for at, act in sorted(self._due, key=lambda item: item[0]):
            if at <= now:
                self._due.remove((at, act))
                await act(now)

    async def _put_down(self, operation: "UseCase", now: datetime) -> None:
        # The fleet has gone on since `now`: what was done to a meter is recorded after it has happened.
        now = max(now, getattr(operation, "at", now))
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
        """The display is black, so the last register is estimated. The new meter is called as soon as it is
        connected.
        """
        from urja.usecases.operations import ExchangeMeter

        answer = await self.fleet("exchange", serials=[self.fates.burns, self.fates.spare])
        comes = answer["exchanged"]
        self._burnt_wh = answer["taken_away"]["register_wh"]
        await self._put_down(
            ExchangeMeter(
                consumer_number=self.fates.burns,
                at=datetime.fromisoformat(comes["lived_to"]),
                new_serial=self.fates.spare,
                new_register_wh=comes["register_wh"],
                reason="burnt",
            ),
            now,
        )
        self._due.append((now + _CALLED_EVERY, self._call))
        self._due.append((now + _LABORATORY, self._read_in_the_laboratory))

    async def _call(self, now: datetime) -> None:
        """Call a meter that was not reached again, until it is in service."""
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
        """Return the register of the household that moves, read from its display now."""
        [house] = (await self.fleet("houses", serials=[self.fates.moves]))["houses"]
        return datetime.fromisoformat(house["lived_to"]), house["register_wh"]


def file_request(operation: "UseCase", now: datetime) -> int:
    """Submit a request as the clerk and return its number. Needs Django, with a role that may write requests."""
    from urja.apps.identity.queries.identities import user_of
    from urja.apps.journal import requests
    from urja.usecases.operations import employ

    user = user_of(CLERK) or employ(CLERK, "Clerk", "clerk", recorded_at=now, actor="urja demo")
    return requests.submit(operation, actor=f"user {user.pk}", requested_at=now).id


def meter_state(serial: str) -> MeterState:
    """Return whether a meter is in service, being called, or not called yet."""
    from urja.apps.assets.queries import is_in_service
    from urja.apps.commissioning.queries import is_called

    if is_in_service(serial):
        return MeterState.IN_SERVICE
    return MeterState.CALLED if is_called(serial) else MeterState.TO_BE_CALLED


def request_outcome(request_id: int) -> tuple[bool, list[str]]:
    """Return whether a request was answered, and its faults."""
    from urja.apps.journal.kinds import RequestState
    from urja.apps.journal.queries import request_of

    found = request_of(request_id)
    assert found is not None, "it was asked for"
    return found.state != RequestState.WAITING, found.faults
