"""Someone has an address stored that no mail can be sent to: by an older version, another system, or rows of a clerk's file.

Nothing else stops: the next person's sign-in code and the next person's notice leave in the same run.
"""

import asyncio

import pytest
from asgiref.sync import sync_to_async
from django.db import connection
from django.test import override_settings
from tests.apps.notices.cast import email_channel
from tests.apps.payments.till import as_role
from tests.apps.town import adopt, by_hand
from tests.pipeline.test_notify import LOW
from tests.pipeline.test_post import load as load_tariff
from tests.pipeline.test_sign_in_codes import Wall, request, rows
from tests.providers.relay import mailers, open_relay
from tests.providers.test_smtp import NOW

ADDRESSES = ["a@b\n", "a@b\nBcc: all@example.org", "रवि@example.org", '"\\', "a@example.org, all@example.org"]
LONG = "x" * 252 + "@y"
GOOD = "person2@example.org"


@pytest.fixture
def houses(database):
    """Two supplies, of which the first one's consumer has an address that a test chooses."""
    load_tariff()
    first, second = adopt(1, credit_minor=50_000), adopt(2, credit_minor=50_000)

    def stored(address):
        from django.contrib.auth import get_user_model

        from urja.apps.people.models import Person

        with by_hand(), connection.cursor() as cursor:
            # As it was stored before addresses had to be confirmed.
            cursor.execute("ALTER TABLE auth_user DISABLE TRIGGER identity_address_is_confirmed")
            get_user_model().objects.filter(id=first.user_id).update(email=address)
            cursor.execute("ALTER TABLE auth_user ENABLE TRIGGER identity_address_is_confirmed")
            Person.objects.filter(user_id=first.user_id).update(email=address)
        return first, second

    return stored


@pytest.mark.parametrize(
    ("address", "code", "notice"),
    # The length of a local part is the relay's to judge: this one takes it.
    [(LONG, "sent", "sent"), *((address, "refused", "failed") for address in ADDRESSES)],
)
def test_the_next_code_and_the_next_notice_go_out(houses, address, code, notice):
    from django.contrib.auth import get_user_model

    from urja.pipeline.sign_in_codes import SignInCodes

    first, second = houses(address)
    users = get_user_model().objects
    with open_relay() as relay, override_settings(**mailers(relay)):
        for house in (first, second):
            request(users.get(id=house.user_id))
        report = SignInCodes("Neem Society", Wall()).run_once(NOW)
        assert (report.ill, [outcome for _code, outcome in rows()]) == (False, [code, "sent"])
        assert notified(first, second) == [notice, "sent"]
        mails = [one for one in relay.to if one != address]
    assert mails == [GOOD, GOOD]


def notified(*houses):
    """The states of a notice to each account, after the pipeline's stage."""
    from urja.apps.notices.models import Notice
    from urja.apps.notices.operations import request_notice
    from urja.pipeline.notify import Notify

    numbers = [
        request_notice(one.account_id, "low-30", LOW, f"one:{one.account_id}", NOW).id for one in houses
    ]

    def as_the_pipeline(function, *args):
        with as_role("urja_pipeline"):
            return function(*args)

    async def in_thread(function, *args):
        return await sync_to_async(as_the_pipeline)(function, *args)

    async def run():
        with override_settings(URJA_CHANNELS=(email_channel(),)):
            stage = Notify(in_thread)
            await stage.run_once(NOW)
            await stage.close()

    asyncio.run(run())
    return [Notice.objects.get(id=number).state for number in numbers]
