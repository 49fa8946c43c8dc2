"""A clerk, or the thief of a clerk's session or key, wants a household disconnected: with a dispute, an order, a letter.

What such a person enters is believed as that person's word, so what is tried here is bounded by what no word changes.
"""

from datetime import timedelta

import pytest
from tests.apps.town import adopt, protect
from tests.one_setup import with_one_setup
from tests.pipeline.test_decide import HOUR, MINUTE, Place
from tests.pipeline.test_kept_off import load_words, post_letter, used_up_without_a_telephone
from tests.usecases.life import do

from urja.apps.journal.errors import RefusedError

DAY = timedelta(days=1)


@pytest.fixture
def house(database):
    house = place(database, 1)
    yield house
    house.connection.close()


def place(database, houses):
    found = Place(database, [adopt(number, credit_minor=10_000) for number in range(1, houses + 1)])
    load_words("2")
    found.go()
    return found


def order(house, reason, number=1):
    from urja.usecases.operations import DisconnectTemporarily

    return do(
        DisconnectTemporarily(consumer_number=f"URJ{number:08}", reason=reason, note="the clerk says so"),
        house.now,
    )


@with_one_setup("reason", ["dispute", "credit", "ended", "Safety", ""])
def test_no_other_word_is_a_reason(house, reason):
    with pytest.raises(RefusedError):
        order(house, reason)


REASONS = ("overload", "tamper", "vacant")


def test_no_order_darkens_a_night_or_a_sunday(database):
    """Three houses, each with an order for another reason."""
    town = place(database, len(REASONS))
    town.now = town.at(6, 16, 1)  # Saturday, when the window has closed
    for number, reason in enumerate(REASONS, 1):
        order(town, reason, number)
    town.until(town.at(8, 9, 50), step=3 * HOUR)
    assert [town.commands(house) for house in range(len(REASONS))] == [[]] * len(REASONS)
    town.connection.close()


def test_no_order_darkens_a_protected_home(house):
    protect(1, at=house.now)
    for reason in REASONS:
        with pytest.raises(RefusedError):
            order(house, reason)


def test_a_false_letter_disconnects_no_account_in_credit(house):
    post_letter(house, posted_at=house.at(1, 0) + MINUTE)
    house.until(house.at(5, 12), step=6 * HOUR)
    assert (house.commands(), house.where()[0]) == ([], "fine")


def test_a_false_letter_of_another_spell_serves_nothing(house):
    """Dated to before the credit ran out: it would be old enough, and is about nothing."""
    post_letter(house, posted_at=house.at(1, 1))
    house.until(house.at(6, 8), step=6 * HOUR)
    house.now = house.at(6, 9)
    house.use(60_000)
    house.go()
    assert house.where()[1] in ("unannounced", "undelivered")
    house.go(house.at(6, 12))
    assert house.commands() == []


def test_a_false_letter_gains_no_more_than_the_words_of_the_policy(house):
    """Entered on the first day of the spell: three days and the lead are waited for all the same."""
    used_up_without_a_telephone(house)
    house.until(house.at(4, 10, 30), step=2 * HOUR)
    assert house.commands() == []
