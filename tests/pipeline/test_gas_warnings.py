"""Gas that escapes: the consumer and the staff are warned at once, with a record of service, and no warning is lost."""

from datetime import timedelta

import pytest
from django.test import override_settings
from tests.apps.notices.cast import email_channel, sms_channel
from tests.apps.town import START, adopt, by_hand
from tests.pipeline.test_decide import HOUR, MINUTE, SECOND, Place
from tests.pipeline.test_sleeping_meter import report_event

from urja.base.event_meanings import GAS_THROUGH_CLOSED_VALVE

PHONE = "+919900000001"


SAID = {
    "en": "DANGER: your meter reports that gas escapes. Light no flame, touch no electrical switch. "
    "Close the gas taps, open the windows, leave, then call 1906.",
    "hi": "ख़तरा: आपके मीटर के अनुसार गैस रिस रही है। आग न जलाएँ, कोई विद्युत स्विच न छुएँ। "
    "गैस के नल बंद करें, खिड़कियाँ खोलें, बाहर जाएँ, फिर 1906 पर फ़ोन करें।",
}


@pytest.fixture
def house(database):
    place = Place(database, [adopt(credit_minor=10_000, device_type="urja-g1", phone=PHONE)])
    with override_settings(URJA_GAS_EMERGENCY_NUMBER="1906"):
        yield place
    place.connection.close()


@pytest.fixture
def clerk(house):
    return employed("clerk@example.org", "clerk")


def employed(email, role):
    from urja.usecases.operations import employ

    return employ(email, "Anil", role, recorded_at=START, actor="test")


def escape(house):
    house.now += MINUTE
    report_event(house, GAS_THROUGH_CLOSED_VALVE, house.now)
    house.go(only_changed=True)


def warned():
    from urja.apps.notices.models import Notice

    found = Notice.objects.filter(kind__startswith="gas_escapes").order_by("id")
    return [(one.kind, one.account_id, one.staff_id) for one in found]


def law(house, now):
    from urja.laws.switching import laws

    house.connection.commit()
    return laws(house.connection, now, "Asia/Kolkata")["danger_is_notified"]


def test_each_report_is_sent_once_to_the_consumer_and_to_the_staff_who_see_the_work_order(house, clerk):
    from urja.apps.notices.models import Notice

    employed("rates@example.org", "revenue_officer")
    escape(house)
    account = house.houses[0].account_id
    assert warned() == [("gas_escapes", account, None), ("gas_escapes_staff", None, clerk.id)]
    house.go(house.now + SECOND)
    assert len(warned()) == 2
    now = house.now + HOUR
    assert law(house, now)
    for lost, until in (
        (Notice.objects.filter(staff=None, kind="gas_escapes"), now),
        (Notice.objects.filter(kind="gas_escapes_staff"), now),
    ):
        kept = list(lost.values())
        lost.delete()
        assert not law(house, until)
        Notice.objects.bulk_create(Notice(**row) for row in kept)
    assert law(house, now)
    assert not law(house, now + 13 * HOUR), "not sent within half a day"


def test_a_report_whose_run_dies_is_found_whole_by_the_next_one(house, clerk, monkeypatch):
    """No order without its warnings: the order's own transaction has them."""
    from urja.apps.notices import operations as notices
    from urja.apps.overviews.queries.work_orders import everywhere

    asked = notices.request_notices

    def dies(requests, at):
        asked(requests, at)
        raise KeyboardInterrupt

    monkeypatch.setattr(notices, "request_notices", dies)
    with pytest.raises(KeyboardInterrupt):
        escape(house)
    assert (everywhere(9), warned()) == ([], [])
    monkeypatch.setattr(notices, "request_notices", asked)
    house.go(house.now + SECOND)
    assert len(everywhere(9)) == 1
    assert len(warned()) == 2


@pytest.mark.parametrize(("language", "said"), SAID.items())
def test_the_warnings_go_before_all_others_and_by_a_channel_that_reports(house, clerk, language, said):
    from urja.apps.notices import delivery
    from urja.apps.notices.models import Notice
    from urja.apps.notices.operations import Request, request_notices
    from urja.apps.people.models import Person

    with by_hand():
        Person.objects.update(language=language)
    account = house.houses[0].account_id
    low = {"currency": "INR", "balance_minor": 100}
    request_notices([Request(account, "low-30", low, f"low {number}") for number in range(3)], house.now)
    escape(house)
    # An e-mail is preferred here, and a message of which no one learns whether it arrived does not do.
    with override_settings(URJA_CHANNELS=(email_channel(), sms_channel())):
        delivery.compose_pending(house.now, "", lambda _account: True, 2)
        [first], ended = delivery.outgoing("sms", house.now, lambda _account: True, 1)
        [mail], _ = delivery.outgoing("email", house.now, lambda _account: True, 1)
    assert (first.to, first.text, ended) == (PHONE, said, 0)
    order = Notice.objects.get(kind="gas_escapes_staff").params["work_order"]
    assert mail.to == "clerk@example.org"
    assert mail.text.startswith("Gas escapes at URJ00000001: meter URJ00000001 reported it at ")
    assert f"Work order {order}." in mail.text
    delivery.record_missed(first.notice_id, "no service", house.now)
    delivery.record_missed(first.notice_id, "no service", house.now)
    due_at = Notice.objects.get(id=first.notice_id).due_at
    assert due_at == house.now + timedelta(seconds=30), "its pauses do not grow"


def test_the_work_order_says_what_became_of_each_warning(house, clerk):
    from urja.apps.notices.models import Notice
    from urja.apps.work.models import WorkOrder
    from urja.web.console.work_page import _warnings

    escape(house)
    Notice.objects.filter(kind="gas_escapes").update(
        state="delivered", sent_at=house.now, delivered_at=house.now, recipient=PHONE, channel="sms"
    )
    consumer, staff = _warnings(WorkOrder.objects.get(), house.now)
    assert consumer.startswith("Consumer: Delivered to •••")
    assert staff.endswith(": Not sent yet")
