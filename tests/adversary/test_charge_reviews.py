"""Who would end a review against the consumer, or let a charge pass that the limit refuses: by the web's role, or by another desk."""

import psycopg
import pytest
from tests.apps.approvals.office import Person, state_of
from tests.apps.counter_cast import ask
from tests.one_setup import with_one_setup
from tests.pipeline.test_reviews import abnormal, house, review  # noqa: F401


@pytest.fixture
def reviewed(house):  # noqa: F811
    """The house with a charge that is reviewed."""
    abnormal(house)
    return house


def decision(found, outcome="confirmed"):
    from urja.usecases.operations import DecideReview

    return DecideReview(
        consumer_number="URJ00000001", review_id=found.id, outcome=outcome, reason="it is in the way"
    )


@pytest.mark.parametrize("role", ["clerk", "control_room", "administrator"])
def test_no_other_desk_decides_a_review(house, role):  # noqa: F811
    from urja.apps.identity.queries.roles import may

    abnormal(house)
    assert not may(role, "write:decide_review")
    assert state_of(ask(Person("ravi", role), decision(review(house)), house.now)) == "refused"
    assert review(house).ended_at is None


@with_one_setup(
    "statement",
    [
        "UPDATE billing_review SET ended_at = now(), outcome = 'confirmed', operation_id = 1",
        "DELETE FROM billing_review",
        (
            "INSERT INTO billing_review (id, agreement_id, account_id, day, charge_minor, before_minor, days, policy, undecided, "
            "opened_at, due_at, ends_at) SELECT 1, agreement_id, account_id, '2026-01-01', 1, 1, 1, '', '', now(), "
            "now() + interval '1 day', now() + interval '9 years' FROM billing_review"
        ),
        "DELETE FROM billing_refusal",
        "INSERT INTO billing_refusal SELECT 1, '2020-01-01', 1, 1, now(), '2026-01-01', '2026-01-01', 2, '', 'days', '{}', 1",
    ],
)
def test_the_web_writes_neither_reviews_nor_refusals(reviewed, statement):
    with reviewed.database.connect("urja_web") as web, pytest.raises(psycopg.errors.InsufficientPrivilege):
        web.execute(statement)


@with_one_setup(
    "statement",
    [
        "UPDATE billing_review SET charge_minor = 1",
        "UPDATE billing_review SET ends_at = opened_at + interval '3 days'",
        "DELETE FROM billing_review",
        "UPDATE billing_refusal SET amount_minor = 0",
        "DELETE FROM billing_refusal",
    ],
)
def test_the_pipeline_changes_nothing_of_what_was_reviewed_or_refused(reviewed, statement):
    with (
        reviewed.database.connect("urja_pipeline") as pipeline,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        pipeline.execute(statement)
