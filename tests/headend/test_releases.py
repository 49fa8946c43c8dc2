"""Disconnections above a ceiling are released by passkeys that the head end verifies, and are then decided again."""

import asyncio
import datetime as dt
from contextlib import AsyncExitStack
from pathlib import Path

import msgspec
import pytest
from tests.authenticator import ORIGIN, RP_ID, Authenticator
from tests.headend.conftest import until, value
from tests.headend.ordering import HOUR, Desk, House, put_device
from tests.headend.pushing import NINE

from urja.base.approvers import Approver, encode_approvers
from urja.base.cut_release import CutRelease
from urja.base.ports import free_port
from urja.headend.disconnection_counts import OUTCOMES_KEPT
from urja.headend.releases import MAX_RELEASE_DURATION
from urja.stream.releases import HeldDisconnections, ReleaseOutcome, ReleaseRequest

LOW = {"cuts_per_hour": 1, "cuts_per_day": 2}
CONFIRMED = {"kind": "disconnect", "result": "confirmed"}


def approver(person: str, phone: Authenticator) -> Approver:
    return Approver(
        person=person,
        credential_id=phone.id,
        public_key=phone.public_key,
        origin=ORIGIN,
        rp_id=RP_ID,
        installed_at=NINE,
    )


class Office:
    """The pipeline's end, and the people who approve."""

    def __init__(self, desk: Desk, file: Path, clock) -> None:
        self.desk, self.file, self.clock = desk, file, clock
        self.asha, self.ravi = Authenticator(), Authenticator()
        self.asked: list[ReleaseRequest] = []
        self._numbers = iter(range(1, 100))

    def install(self, **phones: Authenticator) -> None:
        found = [approver(f"{person}@utility.example", phone) for person, phone in phones.items()]
        self.file.write_bytes(encode_approvers(found))

    async def held(self, count: int) -> HeldDisconnections:
        """What the head end tells, once it holds so many."""
        async with asyncio.timeout(60):
            while True:
                told = await self.desk.broker.reported_held()
                if told and told[0].cuts == count:
                    return told[0]
                await asyncio.sleep(0.05)

    def release(self, **changes: object) -> CutRelease:
        fields = {"id": f"{next(self._numbers):032x}", "cuts": 2, "areas": ("section S1",)}
        until_at = self.clock.now() + 2 * HOUR
        return CutRelease(**(fields | {"until": f"{until_at:%Y-%m-%dT%H:%M:%SZ}"} | changes))

    async def ask(self, release: CutRelease, nonce: bytes, *phones: Authenticator, **changes) -> None:
        challenge = release.challenge(nonce)
        answers = [phone.approve(challenge) for phone in phones]
        await self.ask_with(ReleaseRequest(release=release, nonce=nonce, answers=answers, **changes))

    async def ask_with(self, asked: ReleaseRequest) -> None:
        self.asked = [*(one for one in self.asked if one.release.id != asked.release.id), asked]
        await self.desk.broker.request_releases(self.asked)

    async def outcome(self, release: CutRelease, state: str) -> ReleaseOutcome:
        async with asyncio.timeout(60):
            while True:
                for told in await self.desk.broker.reported_held():
                    for outcome in told.outcomes:
                        if (outcome.id, outcome.state) == (release.id, state):
                            return outcome
                await asyncio.sleep(0.05)


@pytest.fixture
def office(pipeline, tmp_path, stepped_clock) -> Office:
    office = Office(Desk(pipeline), tmp_path / "approvers.json", stepped_clock)
    office.install(asha=office.asha, ravi=office.ravi)
    return office


@pytest.fixture
async def town(pipeline, stepped_clock):
    """Four houses in one section."""
    async with AsyncExitStack() as stack:
        houses = [
            House(stepped_clock, number + 1, port=free_port(), area="section S1") for number in range(4)
        ]
        for house in houses:
            await put_device(pipeline, house.entry())
            await stack.enter_async_context(house.listening())
        yield houses


async def cut_all(office: Office, town: list[House]) -> list:
    orders = [house.order("disconnect") for house in town]
    for order in orders:
        await office.desk.send(order)
    return orders


def disconnected(town: list[House]) -> int:
    return sum(not house.switch.closed for house in town)


async def test_two_people_release_and_each_cut_is_decided_again(start_headend, office, town):
    async with start_headend(**LOW) as headend:
        orders = await cut_all(office, town)
        told = await office.held(3)
        assert (told.areas, told.kinds, told.approvers) == (
            {"section S1": 3},
            {"disconnect": 3},
            ["asha@utility.example", "ravi@utility.example"],
        )
        assert (told.cuts_in_hour, told.cuts_per_hour) == (1, 1)
        office.clock.advance(dt.timedelta(seconds=5))
        release = office.release()
        await office.ask(release, told.nonce, office.asha, office.ravi)
        outcome = await office.outcome(release, "released")
        assert outcome.detail == "approved by asha@utility.example and ravi@utility.example"
        ends = await office.desk.end_of(*orders)
        # Not one of the held orders is carried out by the release.
        assert sorted(end.state for end in ends) == ["confirmed", "superseded", "superseded", "superseded"]
        assert disconnected(town) == 1
        # What the pipeline still wants it orders again: two of three pass, as released.
        await cut_all(office, [house for house in town if house.switch.closed])
        assert (await office.held(1)).releases[0].cuts_left == 0
        await until(lambda: value(headend, "commands_total", **CONFIRMED) == 3)
        assert disconnected(town) == 3
        assert value(headend, "releases_total", result="released") == 1


async def test_one_answer_does_not_suffice(start_headend, office, town):
    async with start_headend(**LOW) as headend:
        await cut_all(office, town)
        nonce = (await office.held(3)).nonce
        release = office.release()
        await office.ask(release, nonce, office.asha)
        await headend.releases.process()
        assert (await office.held(3)).outcomes == []
        await office.ask(release, nonce, office.asha, office.ravi)
        await office.outcome(release, "released")


async def test_two_passkeys_of_one_person_are_one_person(start_headend, office, town):
    second = Authenticator()
    mine = [approver("asha@utility.example", phone) for phone in (office.asha, second)]
    office.file.write_bytes(encode_approvers([*mine, approver("ravi@utility.example", office.ravi)]))
    async with start_headend(**LOW):
        release = office.release()
        await office.ask(release, (await office.held(0)).nonce, office.asha, second)
        assert (await office.outcome(release, "refused")).detail == "both passkeys are of one person"


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"cuts": 1000}, "asha@utility.example: the passkey's answer approves other content"),
        ({"areas": ("section S1", "section S2")}, "the passkey's answer approves other content"),
        ({"until": f"{NINE + dt.timedelta(hours=20):%Y-%m-%dT%H:%M:%SZ}"}, "approves other content"),
        ({"id": "f" * 32}, "approves other content"),
    ],
)
async def test_an_altered_release_is_refused_and_counted(start_headend, office, town, change, why):
    async with start_headend(**LOW) as headend:
        nonce = (await office.held(0)).nonce
        release = office.release()
        answers = [phone.approve(release.challenge(nonce)) for phone in (office.asha, office.ravi)]
        altered = msgspec.structs.replace(release, **change)
        await office.ask_with(ReleaseRequest(release=altered, nonce=nonce, answers=answers))
        assert why in (await office.outcome(altered, "refused")).detail
        assert value(headend, "releases_total", result="refused") == 1
        assert (await office.held(0)).releases == []


async def test_a_replayed_release_is_refused_and_counted(start_headend, office, town):
    async with start_headend(**LOW) as headend:
        nonce = (await office.held(0)).nonce
        release = office.release()
        await office.ask(release, nonce, office.asha, office.ravi)
        await office.outcome(release, "released")
        kept = office.asked[0]
        # The same again does not count twice; under another id, its nonce is an old one.
        await office.ask_with(kept)
        again = msgspec.structs.replace(kept, release=msgspec.structs.replace(release, id="e" * 32))
        await office.ask_with(again)
        outcome = await office.outcome(again.release, "refused")
        assert outcome.detail == "its nonce is an old one: request the release again"
        told = await office.held(0)
        assert [one.id for one in told.releases] == [release.id]
        assert value(headend, "releases_total", result="refused") == 1


async def test_who_is_not_installed_releases_nothing(start_headend, office, town):
    stranger = Authenticator()
    async with start_headend(**LOW):
        release = office.release()
        await office.ask(release, (await office.held(0)).nonce, office.asha, stranger)
        outcome = await office.outcome(release, "refused")
        assert outcome.detail == "a passkey in it is not installed at the head end"


async def test_a_passkey_that_was_removed_at_the_installation_releases_nothing(start_headend, office, town):
    async with start_headend(**LOW) as headend:
        nonce = (await office.held(0)).nonce
        office.install()
        release = office.release()
        await office.ask(release, nonce, office.asha, office.ravi)
        await headend.releases.process()
        told = await office.held(0)
        assert (told.approvers, told.releases, told.outcomes) == ([], [], [])
        assert headend.status()["approvers"] == 0


async def test_a_release_of_the_only_approver_counts_after_the_delay(
    start_headend, office, town, stepped_clock
):
    office.install(asha=office.asha)
    async with start_headend(**LOW) as headend:
        orders = [house.order("disconnect", expires_at=stepped_clock.now() + 30 * HOUR) for house in town]
        for order in orders:
            await office.desk.send(order)
        nonce = (await office.held(3)).nonce
        release = office.release(until=f"{stepped_clock.now() + 20 * HOUR:%Y-%m-%dT%H:%M:%SZ}")
        await office.ask(release, nonce, office.asha)
        outcome = await office.outcome(release, "delayed")
        assert outcome.effective_at == stepped_clock.now() + 12 * HOUR
        stepped_clock.advance(11 * HOUR)
        await headend.releases.process()
        assert (await office.held(3)).cuts == 3
        stepped_clock.advance(HOUR)
        await office.held(0)
        assert value(headend, "releases_total", result="delayed") == 1


async def test_a_release_that_ends_within_the_delay_is_refused(start_headend, office, town):
    office.install(asha=office.asha)
    async with start_headend(**LOW):
        release = office.release()
        await office.ask(release, (await office.held(0)).nonce, office.asha)
        assert "ends before it comes into force" in (await office.outcome(release, "refused")).detail


async def test_a_delayed_release_can_be_cancelled(start_headend, office, town, stepped_clock):
    office.install(asha=office.asha)
    async with start_headend(**LOW) as headend:
        release = office.release(until=f"{stepped_clock.now() + 20 * HOUR:%Y-%m-%dT%H:%M:%SZ}")
        await office.ask(release, (await office.held(0)).nonce, office.asha)
        await office.outcome(release, "delayed")
        await office.ask_with(msgspec.structs.replace(office.asked[0], cancelled=True))
        await office.outcome(release, "cancelled")
        # Nor does it come back when it is asked for again as it was.
        await office.ask_with(msgspec.structs.replace(office.asked[0], cancelled=False))
        await headend.releases.process()
        assert (await office.held(0)).releases == []


async def test_a_delayed_release_can_be_cancelled_among_many_others(
    start_headend, office, town, stepped_clock
):
    office.install(asha=office.asha)
    async with start_headend(**LOW) as headend:
        release = office.release(until=f"{stepped_clock.now() + 20 * HOUR:%Y-%m-%dT%H:%M:%SZ}")
        await office.ask(release, (await office.held(0)).nonce, office.asha)
        await office.outcome(release, "delayed")
        asked = office.asked[0]
        # So many that it is forgotten how the first one went.
        others = [office.release() for _ in range(OUTCOMES_KEPT + 1)]
        await office.desk.broker.request_releases(
            [asked, *(ReleaseRequest(release=other, nonce=bytes(32)) for other in others)]
        )
        await office.outcome(others[-1], "refused")
        await headend.releases.process()
        assert [one.id for one in (await office.held(0)).releases] == [release.id]
        await office.desk.broker.request_releases([msgspec.structs.replace(asked, cancelled=True)])
        await office.outcome(release, "cancelled")
        assert (await office.held(0)).releases == []


async def test_a_release_ends_and_is_for_its_areas_alone(start_headend, office, town, stepped_clock):
    for house in town[2:]:
        house.area = "section S2"
        await put_device(office.desk.broker, house.entry())
    async with start_headend(**LOW) as headend:
        nonce = (await office.held(0)).nonce
        release = office.release(cuts=10)
        await office.ask(release, nonce, office.asha, office.ravi)
        await office.outcome(release, "released")
        await cut_all(office, town)
        # One within the ceilings, and whatever else is in the released section.
        await until(lambda: value(headend, "commands_total", **CONFIRMED) >= 2)
        told = await office.held(4 - disconnected(town))
        assert "section S1" not in told.areas
        stepped_clock.advance(2 * HOUR)
        await headend.releases.process()
        assert (await office.held(0)).releases == []


async def test_no_release_is_for_long(start_headend, office, town, stepped_clock):
    async with start_headend(**LOW):
        late = stepped_clock.now() + MAX_RELEASE_DURATION + HOUR
        release = office.release(until=f"{late:%Y-%m-%dT%H:%M:%SZ}")
        await office.ask(release, (await office.held(0)).nonce, office.asha, office.ravi)
        assert "more than 2 days later" in (await office.outcome(release, "refused")).detail
