"""A file gives agreements a policy of their own."""

from tests.usecases.loading.test_consumers import row, told

from urja.core.policy import bundled_policies


def own():
    from urja.apps.contracts.models import AgreementTerms

    found = AgreementTerms.objects.order_by("agreement__service_point__consumer_number")
    return list(found.values_list("policy", flat=True))


def test_it_comes_in_with_the_terms(load):
    report = load("consumers", [row(1, policy="plain"), row(2, policy="")])
    assert report.faulty == 0, report.first
    assert own() == ["plain", ""]


def test_a_code_of_nothing_that_governs_now_is_a_fault(load):
    from urja.usecases.policies import load_policy

    text = bundled_policies()["plain.toml"]
    later = text.replace('code = "plain"', 'code = "later"').replace("2024-04-01", "2031-01-01")
    dollars = text.replace('code = "plain"', 'code = "dollars"').replace('"INR"', '"USD"')
    for document in (later, dollars):
        load_policy(document, recorded_at=load.clock.now(), actor="test")
    rows = [
        row(1, policy="plain"),
        *(row(n, policy=code) for n, code in enumerate(("gone", "later", "dollars"), 2)),
    ]
    report = load("consumers", rows)
    assert told(report) == [
        (3, "row", "there is no policy 'gone': load it first (urja policy load)"),
        (4, "row", "policy later is in force only from 2031-01-01 on, not on 2026-03-02"),
        (5, "row", "policy dollars is in USD, the account is in INR"),
    ]
    assert own() == []


def test_what_is_agreed_is_changed_by_the_operation(load):
    load("consumers", [row(1, policy="plain")])
    assert told(load("consumers", [row(1, policy="")])) == []
    load("consumers", [row(2)])
    report = load("consumers", [row(2, policy="plain")])
    assert told(report) == [(2, "policy", "the terms have none")]
    assert own() == ["plain", ""]
