"""Residents act on what a page shows: a page that refreshes itself is awaited, as a browser does."""

import httpx
import pytest

from urja.sandbox.residents.forms import follow_refresh


def client_of(pages: list[str]) -> httpx.AsyncClient:
    """A portal that answers with these pages, one after the other."""
    return httpx.AsyncClient(
        base_url="http://portal",
        transport=httpx.MockTransport(lambda _request: httpx.Response(200, text=pages.pop(0))),
    )


WAITS = '<html><head><meta http-equiv="refresh" content="0"></head></html>'
GOES_ON = "<html><form method=post action=/pay/1/upi></form></html>"


async def test_a_page_that_loads_itself_again_is_followed_until_it_goes_on():
    pages = [WAITS, WAITS, GOES_ON]
    async with client_of(pages) as client:
        page = await follow_refresh(client, await client.get("/accounts/1/orders/1/go/"))
    assert page.text == GOES_ON
    assert pages == []


async def test_a_page_that_never_goes_on_is_given_up():
    pages = [WAITS] * 9
    async with client_of(pages) as client:
        page = await follow_refresh(client, await client.get("/accounts/1/orders/1/go/"), times=3)
    assert page.text == WAITS
    assert len(pages) == 5


async def test_a_resident_pays_for_the_supply_that_it_is_told_of():
    """A household with electricity and gas has two accounts on its page; one without gas has no second."""
    from urja.sandbox.residents.resident import Counts, Person, Resident, SignInRefusedError

    form = "<form method=post><input name={}></form>"
    choices = "<a href=/accounts/11/>a</a><a href=/accounts/11/pay/>b</a><a href=/accounts/22/>c</a>"
    outbox = "a@street.example code 123456"

    async def account_of(supply, page):
        pages = ["", form.format("email"), form.format("code"), outbox, page]
        async with client_of(pages) as client:
            person = Person(email="a@street.example", habit="never", means="upi", seed=1, supply=supply)
            resident = Resident(person, client, "/demo/outbox/", Counts())
            await resident._sign_in()
        return resident.account

    assert await account_of(0, choices) == "11"
    assert await account_of(1, choices) == "22"
    with pytest.raises(SignInRefusedError, match="supply 1"):
        await account_of(1, "<a href=/accounts/11/>a</a>")


def test_a_resident_that_has_moved_out_recharges_no_more():
    """No agreement of its account is in force, so that nothing is decided about it, whatever is owed."""
    from urja.sandbox.residents.resident import Counts, Person, Resident

    def pays(habit, **seen):
        person = Person(email="a@street.example", habit=habit, means="upi", seed=1)
        known = {"balance_minor": -500, "days_left": None, "supply": "off", "standing": "disconnected"}
        return Resident(person, httpx.AsyncClient(), "", Counts())._time_to_pay({**known, **seen})

    for habit in ("early", "warned", "disconnected"):
        assert pays(habit)
        assert not pays(habit, standing=None)
