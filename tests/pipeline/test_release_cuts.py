"""Held disconnections become rows, releases go to the head end with raw answers, and its decision comes back."""

import asyncio
import contextlib
from datetime import timedelta

import psycopg
import pytest
from tests.authenticator import Authenticator
from tests.headend.test_releases import approver
from tests.pipeline.test_dispatch import HOUR, Town, town  # noqa: F401 - a fixture

from urja.base.approvers import encode_approvers

INSTALL = "to release them, install approvers: urja approver install"


@pytest.fixture
async def people(town: Town):  # noqa: F811
    """Three members of the staff, by e-mail."""
    from django.contrib.auth import get_user_model

    def employ():
        return {
            name: get_user_model().objects.create(username=name, email=f"{name}@utility.example").pk
            for name in ("asha", "ravi", "outsider")
        }

    return await town.in_thread(employ)


async def test_from_a_held_cut_to_its_next_decision(town, people, tmp_path):  # noqa: F811
    from urja.apps.commands import requests
    from urja.apps.commands.queries import releases
    from urja.pipeline.release_cuts import ReleaseCuts

    phones = {name: Authenticator() for name in people}
    file = tmp_path / "approvers.json"
    file.write_bytes(
        encode_approvers([approver(f"{name}@utility.example", phones[name]) for name in ("asha", "ravi")])
    )
    houses = [await town.raise_house(number) for number in (1, 2)]
    dispatch, carrier = await town.stage(), ReleaseCuts(town.broker, town.in_thread)

    async def run_until(condition):
        async with asyncio.timeout(60):
            while not await town.in_thread(condition):
                await dispatch.run_once(town.clock.now())
                await carrier.run_once(town.clock.now())

    async with contextlib.AsyncExitStack() as stack:
        await stack.enter_async_context(town.headend(cuts_per_hour=1, approvers_file=str(file)))
        for house in houses:
            await stack.enter_async_context(house.listening())
        first = await town.issue(houses[0], "disconnect")
        await town.until(dispatch, first, "confirmed")
        second = await town.issue(houses[1], "disconnect")
        await run_until(lambda: [told.cuts for told in releases.held_cuts_reports()] == [1])
        assert await town.state(second) == "sent"
        assert second.last_error == "held by the head end's ceiling on cuts: 1 cuts in a business hour"
        report = await carrier.run_once(town.clock.now())
        assert (report.lag, report.detail) == (1, "held by the head end's ceilings on cuts: 1")

        town.clock.advance(timedelta(seconds=5))
        told = (await town.in_thread(releases.held_cuts_reports))[0]

        def ask():
            return requests.ask_release(
                cuts=told.cuts,
                areas=list(told.areas),
                lasts=2 * HOUR,
                nonce=told.nonce,
                user_id=people["asha"],
                now=town.clock.now(),
            )

        release_id = await town.in_thread(ask)
        (release,) = await town.in_thread(releases.latest)
        assert release.id == release_id
        challenge = release.content.challenge(told.nonce)
        for name in ("asha", "ravi"):
            given = phones[name].approve(challenge)
            answer = lambda: requests.answer_release(release.id, people[name], given, town.clock.now())  # noqa: B023, E731
            assert await town.in_thread(answer)
            assert not await town.in_thread(answer)
        await run_until(lambda: releases.state_of(release.id) == "released")
        await run_until(lambda: [told.cuts for told in releases.held_cuts_reports()] == [0])
        await town.until(dispatch, second, "superseded")
        assert second.detail == "released: it is to be decided again"
        assert houses[1].switch.closed
        # What the next decision orders passes.
        third = await town.issue(houses[1], "disconnect")
        await town.until(dispatch, third, "confirmed")
        assert not houses[1].switch.closed


async def test_what_is_not_approved_expires_and_can_be_called_back(town, people):  # noqa: F811
    from urja.apps.commands import release_exchange, requests
    from urja.apps.commands.queries import releases
    from urja.pipeline.release_cuts import ReleaseCuts

    carrier = ReleaseCuts(town.broker, town.in_thread)

    def ask():
        return requests.ask_release(
            cuts=1, areas=[""], lasts=HOUR, nonce=bytes(32), user_id=people["asha"], now=town.clock.now()
        )

    late = await town.in_thread(ask)
    await carrier.run_once(town.clock.now())
    assert [one.release.id for one in await town.in_thread(release_exchange.pending_releases)] == [late]
    town.clock.advance(HOUR)
    await carrier.run_once(town.clock.now())
    assert await town.in_thread(lambda: releases.state_of(late)) == "expired"
    unwanted = await town.in_thread(ask)
    assert await town.in_thread(lambda: requests.cancel_release(unwanted, people["ravi"], town.clock.now()))
    async with town.headend():
        async with asyncio.timeout(60):
            while await town.in_thread(lambda: releases.state_of(unwanted)) != "cancelled":
                await carrier.run_once(town.clock.now())


async def test_the_web_asks_and_answers_and_decides_nothing(town, people):  # noqa: F811
    from urja.apps.commands import requests

    def ask():
        return requests.ask_release(
            cuts=1, areas=[""], lasts=HOUR, nonce=bytes(32), user_id=people["asha"], now=town.clock.now()
        )

    def as_web():
        from django.db import connections

        default = connections["default"]
        before = dict(default.settings_dict)
        default.close()
        default.settings_dict |= {"USER": "urja_web"}
        try:
            asked = ask()
            given = Authenticator().approve(bytes(32))
            assert requests.answer_release(asked, people["ravi"], given, town.clock.now())
            assert requests.cancel_release(asked, people["ravi"], town.clock.now())
        finally:
            default.close()
            default.settings_dict |= before
        return asked

    asked = await town.in_thread(as_web)
    with town.database.connect("urja_web") as thief:
        for statement in (
            "UPDATE commands_cut_release SET state = 'released' WHERE id = %s",
            "UPDATE commands_cut_release SET cuts = 100000 WHERE id = %s",
            "DELETE FROM commands_cut_release WHERE id = %s",
            "UPDATE commands_held_cuts SET told = '{}' WHERE headend = %s",
            "INSERT INTO commands_held_cuts (headend, told, told_at) VALUES (%s, '{}', now())",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                thief.execute(statement, [asked])
            thief.rollback()


async def test_the_status_says_how_to_install_approvers(town):  # noqa: F811
    from urja.pipeline.release_cuts import ReleaseCuts

    carrier, dispatch = ReleaseCuts(town.broker, town.in_thread), await town.stage()
    houses = [await town.raise_house(number) for number in (1, 2)]
    async with contextlib.AsyncExitStack() as stack:
        await stack.enter_async_context(town.headend(cuts_per_hour=1))
        for house in houses:
            await stack.enter_async_context(house.listening())
            await town.issue(house, "disconnect")
        async with asyncio.timeout(60):
            while (report := await carrier.run_once(town.clock.now())).lag != 1:
                await dispatch.run_once(town.clock.now())
    assert report.detail.endswith("held by the head end's ceilings on cuts: 1; " + INSTALL)
