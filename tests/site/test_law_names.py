"""A new law is reported at once as never seen to fail: empty books have all laws, and no world is lived."""

import pytest
from tests.world.test_mutations import MUTATIONS, ONLY_OF_THE_BOOKS
from tests.world.test_town_mutations import FLAGS, WRONGS
from tests.world.world import MONDAY, ZONE

from urja.demo import town_laws
from urja.laws import report as laws, switching as supply_laws

ONLY_WITHOUT_A_WORLD = {
    "commands_end",
    "danger_is_notified",
    "cut_across_no_mode_change",
    "cut_after_no_credit",
    "cut_below_the_limit",
    "cut_for_what_counts",
    "cut_has_a_ground",
    "cut_in_turn",
    "cut_while_no_review",
    "cut_while_services_run",
    "account_has_a_standing",
    "governed_by_its_policy",
    "holds_are_kept",
    "protected_is_not_kept_off",
}
"""Seen to fail in tests/pipeline (test_supply_laws.py, test_reserve.py, test_kept_off.py, test_own_policy.py, test_gas_warnings.py, test_mode_changes.py, test_reviews.py), and in test_town_laws.py
beside the worlds."""


@pytest.fixture
def connection(database):
    with database.connect() as connection:
        yield connection


def test_each_law_of_the_books_has_a_mutation(connection):
    found = laws.examine(connection, [], MONDAY, MONDAY, ZONE).laws
    seen_to_fail = {law for _, _, *broken in MUTATIONS for law in broken} | ONLY_OF_THE_BOOKS
    assert seen_to_fail == {*found, "accepted_is_stored"}


def test_each_law_of_the_town_has_a_mutation(connection):
    found = [
        *supply_laws.examine(connection, MONDAY, str(ZONE)),
        *town_laws.examine(connection, [], [], MONDAY),
        *town_laws.examine_reached(connection, {}, MONDAY, MONDAY - MONDAY),
    ]
    seen_to_fail = {law for wrong in WRONGS.values() for law, _ in wrong.broken} | ONLY_WITHOUT_A_WORLD
    assert seen_to_fail == {*(one.law for one in found), FLAGS}
