"""The passkeys that an operation needs by a document of thresholds, and the faults reported of a document."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from urja.core.approvals import (
    DoneBefore,
    Ground,
    OperationMeasure,
    PasskeyNeed,
    ThresholdsError,
    beyond_caps,
    bundled_thresholds,
    parse_thresholds,
    requirement_for,
)

TEXT = bundled_thresholds()
BOOK = parse_thresholds(TEXT)


def test_the_document_that_comes_with_urja():
    assert (BOOK.version, BOOK.valid_from) == ("default-1", date(2026, 1, 1))
    assert (BOOK.money.actor, BOOK.money.second, BOOK.money.everybody) == (10_000_00, 100_000_00, 200_000_00)
    assert BOOK.within == timedelta(hours=24)
    assert BOOK.kinds["employ"] is PasskeyNeed.SECOND


@pytest.mark.parametrize(
    ("measure", "before", "need", "grounds"),
    [
        # money: this operation, what the actor moved today, what all moved today
        (OperationMeasure("move_in", 9_999_99), DoneBefore(), PasskeyNeed.NOBODY, []),
        (OperationMeasure("move_in", 10_000_00), DoneBefore(), PasskeyNeed.ACTOR, [Ground.MONEY]),
        (
            OperationMeasure("move_in", 1_00),
            DoneBefore(money_minor=9_999_00),
            PasskeyNeed.ACTOR,
            [Ground.MONEY],
        ),
        (OperationMeasure("move_in", 0), DoneBefore(money_minor=9_999_999_00), PasskeyNeed.NOBODY, []),
        (OperationMeasure("move_in", 100_000_00), DoneBefore(), PasskeyNeed.SECOND, [Ground.MONEY]),
        (
            OperationMeasure("move_in", 1_00),
            DoneBefore(everybody_money_minor=199_999_00),
            PasskeyNeed.ACTOR,
            [Ground.MONEY_OF_ALL],
        ),
        # disconnections
        (OperationMeasure("move_out", 0, 1), DoneBefore(disconnections=18), PasskeyNeed.NOBODY, []),
        (
            OperationMeasure("move_out", 0, 1),
            DoneBefore(disconnections=19),
            PasskeyNeed.ACTOR,
            [Ground.DISCONNECTIONS],
        ),
        (
            OperationMeasure("move_out", 0, 1),
            DoneBefore(disconnections=99),
            PasskeyNeed.SECOND,
            [Ground.DISCONNECTIONS],
        ),
        (
            OperationMeasure("move_out", 0, 1),
            DoneBefore(everybody_disconnections=199),
            PasskeyNeed.ACTOR,
            [Ground.DISCONNECTIONS_OF_ALL],
        ),
        (
            OperationMeasure("disconnect_temporarily", 0, 1, protected=1),
            DoneBefore(),
            PasskeyNeed.ACTOR,
            [Ground.PROTECTED],
        ),
        # kinds
        (OperationMeasure("anonymise_consumer"), DoneBefore(), PasskeyNeed.ACTOR, [Ground.KIND]),
        (OperationMeasure("approve_address_change"), DoneBefore(), PasskeyNeed.ACTOR, [Ground.KIND]),
        (
            OperationMeasure("employ", 10_000_00),
            DoneBefore(),
            PasskeyNeed.SECOND,
            [Ground.KIND, Ground.MONEY],
        ),
    ],
)
def test_what_is_needed(measure, before, need, grounds):
    found = requirement_for(BOOK, measure, before)
    assert (found.need, [one.ground for one in found.reached]) == (need, grounds)


def test_caps_of_a_person_who_is_all_the_staff():
    assert beyond_caps(BOOK, OperationMeasure("move_in", 200_000_00), DoneBefore()) == ()
    (money,) = beyond_caps(BOOK, OperationMeasure("move_in", 1), DoneBefore(everybody_money_minor=200_000_00))
    assert (money.ground, money.sum, money.limit) == (Ground.MONEY_OF_ALL, 200_000_01, 200_000_00)
    (cuts,) = beyond_caps(BOOK, OperationMeasure("move_out", 0, 1), DoneBefore(everybody_disconnections=100))
    assert (cuts.sum, cuts.limit) == (101, 100)
    assert (
        beyond_caps(BOOK, OperationMeasure("anonymise_consumer"), DoneBefore(everybody_money_minor=10**12))
        == ()
    )


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("format = 1", "format = 2", "format: must be 1"),
        ('version = "default-1"', 'version = "a b"', "version: must be letters"),
        ("valid_from = 2026-01-01", 'valid_from = "soon"', "valid_from: must be a day"),
        ('actor = "10000"', 'actor = "a lot"', "money.actor: must be a number"),
        ('actor = "10000"', 'actor = "10000.001"', "money.actor: has more than the 2 decimals"),
        ('second = "100000"', 'second = "1"', "money.second: must not be less"),
        ('everybody = "200000"', 'everybody = "1"', "money.everybody: must not be less"),
        ("actor = 20", "actor = 0", "disconnection.actor: must be a whole number from 1"),
        ('protected = "actor"', 'protected = "no_consumer"', "disconnection.protected: is 'no_consumer'"),
        ('"anonymise_consumer"]', '"Make"]', "operations.actor: 'Make' is not a kind"),
        ('"anonymise_consumer"]', '"employ"]', "operations.second: names employ"),
        ("delay_hours = 24", "delay_hours = 0", "alone.delay_hours: must be a whole number from 1"),
        ("expires_hours = 72", "", "waiting.expires_hours: is missing"),
        ("expires_hours", "expire_hours", "waiting.expire_hours: is not known here"),
        ("[alone]", "[alone", "document: is not TOML"),
    ],
)
def test_every_fault_has_its_place(old, new, fault):
    assert old in TEXT
    with pytest.raises(ThresholdsError) as raised:
        parse_thresholds(TEXT.replace(old, new, 1))
    assert any(str(one).startswith(fault) for one in raised.value.faults), raised.value.faults


def test_a_stricter_document_needs_more():
    strict = replace(BOOK, protected=PasskeyNeed.SECOND)
    assert (
        requirement_for(strict, OperationMeasure("disconnect_temporarily", 0, 1, 1), DoneBefore()).need
        is PasskeyNeed.SECOND
    )
