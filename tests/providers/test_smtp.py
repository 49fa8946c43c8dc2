"""E-mail as a channel, against a relay on a real socket: connection, acceptance, and what acceptance proves."""

from dataclasses import replace
from datetime import timedelta

import pytest
from asgiref.sync import sync_to_async
from django.test import override_settings
from tests.apps.notices.cast import email_channel, sms_channel
from tests.apps.payments.till import as_role
from tests.apps.town import START, adopt, by_hand
from tests.pipeline.test_notify import LOW
from tests.pipeline.test_post import load as load_tariff
from tests.providers.relay import LOGIN, certificate_in, mailers, open_relay
from tests.providers.test_channels import Note

NOTE = Note("asha@example.org", "text", "About your electricity supply", "7")
NOW = START + timedelta(hours=9)


@pytest.fixture(autouse=True)
async def no_connection_outlives_its_database(database):
    from django.db import connections

    yield
    await sync_to_async(connections.close_all)()


@pytest.fixture
def send(database):
    """Hand a mail to the channel's client, with the settings that are given."""
    from urja.apps.notices import channels

    async def send_(relay, **given):
        with override_settings(**mailers(relay, **given)):
            await channels.messenger(email_channel()).send(NOTE)

    return send_


# -- the way to the relay ------------------------------------------------------------------------------------


async def test_sender_and_reply_to_are_the_installations(send):
    with open_relay() as relay:
        await send(relay, reply_to="help@utility.example")
        [mail] = relay.arrived
    assert (mail["from"], mail["reply-to"], mail["subject"]) == (
        "urja@utility.example", "help@utility.example", NOTE.subject,
    )  # fmt: skip
    assert mail["message-id"] == "<notice-7@utility.example>"
    assert (relay.logins, relay.encrypted) == ([], [False])


async def test_starttls_and_a_login_where_the_certificate_is_known(send, tmp_path, monkeypatch):
    certificate = certificate_in(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with open_relay(certificate) as relay:
        await send(relay, security="starttls", username=LOGIN[0], password=LOGIN[1])
    assert (len(relay.arrived), relay.encrypted) == (1, [True])
    assert len(relay.logins) == 1
    assert "refused" not in relay.logins


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"security": "starttls"}, "certificate verify failed"),
        ({"security": "none"}, "SMTP AUTH extension not supported"),
        ({"security": "tls"}, "SSL|TimeoutError|timed out"),
    ],
    ids=["unknown certificate", "in the open", "another protocol"],
)
async def test_a_relay_that_cannot_be_trusted_gets_no_mail(send, tmp_path, given, said):
    from urja.apps.notices.port import ServiceUnavailableError

    with open_relay(certificate_in(tmp_path)) as relay, pytest.raises(ServiceUnavailableError, match=said):
        await send(relay, timeout_s=1, username=LOGIN[0], password=LOGIN[1], **given)
    assert (relay.arrived, relay.logins) == ([], [])


async def test_a_wrong_password_is_ours_to_put_right_and_ends_no_notice(send, tmp_path, monkeypatch):
    from urja.apps.notices.port import ServiceUnavailableError

    certificate = certificate_in(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with open_relay(certificate) as relay, pytest.raises(ServiceUnavailableError, match="535") as away:
        await send(relay, security="starttls", username=LOGIN[0], password="guessed")
    assert "guessed" not in str(away.value)
    assert relay.arrived == []


@pytest.mark.parametrize(
    ("answer", "at", "error"),
    [
        ("550 no such mailbox", "RCPT", "MessageRefusedError"),
        ("451 come back later", "RCPT", "ServiceUnavailableError"),
        ("554 we think not", "DATA", "MessageRefusedError"),
        ("452 full", "DATA", "ServiceUnavailableError"),
    ],
)
async def test_what_a_relay_answers(send, answer, at, error):
    from urja.apps.notices import port

    with open_relay() as relay:
        relay.refusal, relay.at = answer, at
        with pytest.raises(getattr(port, error), match=answer[:3]):
            await send(relay)


@pytest.mark.parametrize(
    "stored", ["ravi..k@gmail.com", "ravi.@x.in", "रवि@x.org", "a@x..in", "a@x.in, b@x.in"]
)
async def test_a_recipient_that_is_no_address_is_refused_for_good_and_not_named_to_the_relay(
    database, stored
):
    from urja.apps.notices import channels
    from urja.apps.notices.port import MessageRefusedError

    with open_relay() as relay, override_settings(**mailers(relay)):
        messenger = channels.messenger(email_channel())
        with pytest.raises(MessageRefusedError, match="553"):
            await messenger.send(replace(NOTE, to=stored))
        await messenger.send(replace(NOTE, to="a@उदाहरण.भारत"))
    assert relay.to == ["a@xn--p1b6ci4b4b3a.xn--h2brj9c"]


async def test_a_subject_that_is_no_header_is_refused_for_good(database):
    from urja.apps.notices import channels
    from urja.apps.notices.port import MessageRefusedError

    with (
        open_relay() as relay,
        override_settings(**mailers(relay)),
        pytest.raises(MessageRefusedError, match="554"),
    ):
        await channels.messenger(email_channel()).send(replace(NOTE, subject="a\nBcc: b@x.in"))
    assert relay.arrived == []


async def test_the_web_has_no_password_and_uses_the_same_relay(database):
    """As its sign-in codes leave: sender, answers and encryption are those of `[mail]`."""
    from django.core.mail import send_mail

    with (
        open_relay() as relay,
        override_settings(**mailers(relay, reply_to="help@utility.example", username="urja")),
    ):
        await sync_to_async(send_mail)("code", "123456", None, [NOTE.to], using="relay")
        [mail] = relay.arrived
    assert mail["reply-to"] == "help@utility.example"
    assert relay.logins == []


# -- what an accepted mail is worth --------------------------------------------------------------------------


@pytest.fixture
def house(database):
    load_tariff()
    return adopt(phone="+9990000001", credit_minor=50_000)


@pytest.fixture
def told(house):
    """A notice, after the stage has run and time has passed."""

    async def told_(*channels, kind="low-30", phone=True, hours=0):
        from urja.apps.notices.models import Notice
        from urja.apps.notices.operations import request_notice
        from urja.pipeline.notify import Notify

        def as_the_pipeline(function, *args):
            with as_role("urja_pipeline"):
                return function(*args)

        async def in_thread(function, *args):
            return await sync_to_async(as_the_pipeline)(function, *args)

        if not phone:
            await sync_to_async(forget_phones)()
        notice = await sync_to_async(request_notice)(house.account_id, kind, LOW, "one", NOW)
        with override_settings(URJA_CHANNELS=channels):
            stage = Notify(in_thread)
            await stage.run_once(NOW)
            await stage.run_once(NOW + timedelta(hours=hours))
            await stage.close()
        return await Notice.objects.aget(id=notice.id)

    return told_


def forget_phones():
    from urja.apps.people.models import Person

    with by_hand():
        Person.objects.update(phone=None)


async def test_an_accepted_mail_is_sent_then_unconfirmed_and_never_delivered(told):
    with open_relay() as relay, override_settings(**mailers(relay)):
        notice = await told(email_channel(), hours=25)
        [mail] = relay.arrived
    assert (notice.channel, notice.service, notice.recipient) == ("email", "email", "person1@example.org")
    assert mail.get_content().strip() == notice.text
    assert (notice.state, notice.sent_at, notice.delivered_at) == ("unconfirmed", NOW, None)
    assert notice.questions == 0


async def test_mails_say_nothing_of_the_health_of_messaging(told):
    from urja.apps.notices import queries

    with open_relay() as relay, override_settings(**mailers(relay), URJA_CHANNELS=(email_channel(),)):
        await told(email_channel(), hours=25)
        traffic = await sync_to_async(queries.traffic)(NOW - timedelta(days=1), NOW + timedelta(days=1), 200)
    assert (traffic.notified, traffic.reached, traffic.waiting_since) == (0, 0, None)


def test_a_policy_cannot_count_mails_as_served():
    from urja.core.policy import bundled_policies, parse_policy
    from urja.core.policy.document import PolicyError

    text = bundled_policies()["plain.toml"]
    assert 'channels = ["sms"]' in text
    with pytest.raises(PolicyError, match=r"channels.*sms"):
        parse_policy(text.replace('channels = ["sms"]', 'channels = ["sms", "email"]'))


@pytest.mark.parametrize(
    ("kind", "phone", "service"),
    [
        ("low-30", True, "sms"),
        ("recharge", True, "email"),
        ("low-30", False, "email"),
    ],
    ids=["a warning goes by what reports", "news by preference", "a warning by the configured channel"],
)
async def test_which_channel_carries_a_notice(told, kind, phone, service):
    with open_relay() as relay, override_settings(**mailers(relay)):
        notice = await told(email_channel(), sms_channel(), kind=kind, phone=phone)
    assert notice.service == service


async def test_one_channels_receipt_delivers_no_notice_of_another(told):
    import json

    from tests.sandbox.conftest import WEBHOOK_SECRET

    from urja.apps.notices import delivery, requests
    from urja.apps.notices.models import Notice
    from urja.sandbox.outbox import sign

    with open_relay() as relay, override_settings(**mailers(relay)):
        notice = await told(email_channel())
    body = json.dumps({"ref": str(notice.id), "status": "delivered", "at": int(NOW.timestamp())}).encode()
    headers = {"x-sandbox-signature": sign(WEBHOOK_SECRET, body)}
    with override_settings(URJA_CHANNELS=(email_channel(), sms_channel())):
        for service in ("sms", "email", "gone"):
            await sync_to_async(requests.record_receipt)(service, headers, body, NOW)
        await sync_to_async(delivery.apply_receipts)(NOW, 10)
    assert (await Notice.objects.aget(id=notice.id)).delivered_at is None


async def test_notices_of_a_channel_that_was_taken_away_end(told, house):
    from urja.apps.notices.models import Notice
    from urja.apps.notices.operations import request_notice
    from urja.pipeline.notify import Notify

    async def in_thread(function, *args):
        return await sync_to_async(function)(*args)

    notice = await sync_to_async(request_notice)(house.account_id, "low-30", LOW, "two", NOW)
    with override_settings(URJA_CHANNELS=(sms_channel(),)):
        await Notify(in_thread).run_once(NOW)
    with override_settings(URJA_CHANNELS=(email_channel(),)):
        await Notify(in_thread).run_once(NOW)
    found = await Notice.objects.aget(id=notice.id)
    assert (found.state, found.failure) == ("failed", "no_service")
