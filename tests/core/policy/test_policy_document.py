"""Faults of a policy document: all are reported, each with its place and a sentence."""

from datetime import date

import pytest

from urja.core.policy import LookBack, PolicyError, bundled_policies, parse_policy

GOOD = bundled_policies()["plain.toml"]


def faults(text: str) -> list[str]:
    with pytest.raises(PolicyError) as caught:
        parse_policy(text)
    return [str(fault) for fault in caught.value.faults]


@pytest.mark.parametrize("name", ["plain.toml", "uppcl-modelled.toml"])
def test_the_bundled_documents_are_good(name):
    policy = parse_policy(bundled_policies()[name])
    assert policy.code == name.removesuffix(".toml")
    assert len(policy.sha256) == 64


@pytest.mark.parametrize(
    ("old", "new", "where", "words"),
    [
        ("format = 1", "format = 2", "format", "reads format 1"),
        ('version = "3"', 'version = "3 a"', "version", "must be letters, digits"),
        ('"INR"', '"rupees"', "currency", "three-letter code"),
        ('title = "Plain prepaid policy"', "", "title", "is missing"),
        ("2024-04-01", '"soon"', "valid_from", "must be a day such as"),
        ("[30, 10]", "[30, 30]", "warnings.percent_of_last_recharge", "different whole numbers"),
        ("[30, 10]", "[130]", "warnings.percent_of_last_recharge", "from 1 to 99"),
        ("[warnings]", '[warnings]\nbelow = ["1.005"]', "warnings.below[1].amount", "more than the 2 decimals"),
        ("[warnings]", "[warnings]\nbelow = 7", "warnings.below", "must be a list of amounts"),
        ("emergency = 50", "emergency = -50", "credit.emergency", "must not be negative"),
        ("emergency = 50", "emergency = nan", "credit.emergency", "must be a number"),
        ("emergency = 50", "emergncy = 50", "credit.emergncy", "is not known here"),
        ("emergency = 50", "longer = [{ days = 3 }]", "credit.longer[1].up_to_kw", "is missing"),
        ("emergency = 50", "longer = 3", "credit.longer", "must be a list of tables"),
        ('"18:00"', '"25:00"', "protected.hours[1].from", "time of day"),
        ('"18:00"', '"18:60"', "protected.hours[1].from", "time of day"),
        ('["sunday"]', '["Sunday"]', "protected.weekdays", "allowed are monday"),
        ("nth = 2", "nth = 6", "protected.nth_weekdays[1].nth", "from 1 to 5"),
        ('weekday = "saturday"', 'weekday = "sabbath"', "protected.nth_weekdays[1].weekday", "allowed are"),
        ('"01-26"', '"26-01"', "protected.holidays[1].day", "each year's 26 January"),
        ('"01-26"', "26", "protected.holidays[1].day", "each year's 26 January"),
        ('to = "16:00"', 'to = "09:00"', "cut.to", "must be later"),
        ('from = "10:00"\nto = "16:00"', 'from = "19:00"\nto = "23:00"', "cut.from", "lies wholly in protected"),
        ("opens_within_days = 4", "opens_within_days = 3", "cut.opens_within_days", "no window opens for 3 days"),
        ("max_data_age_hours = 24", "max_data_age_hours = 0", "cut.max_data_age_hours", "from 1"),
        ("max_data_age_hours = 24", "", "cut.max_data_age_hours", "is missing"),
        ("max_estimated_percent = 20", "max_estimated_percent = 20\nleast_fresh_percent = 10", "cut.least_fresh_percent",
         "from 50 to 100"),
        ("max_estimated_percent = 20", "max_estimated_percent = true", "cut.max_estimated_percent", "whole number"),
        ('["zero", "cut"]', '["low-10"]', "notices.before_cut", "allowed are zero, cut"),
        ('["zero", "cut"]', '["zero", "zero"]', "notices.before_cut", "names something twice"),
        ("attempts = 5", "attempts = 1", "notices.served.attempts", "from 2 to 50"),
        ("repeat_hours = 6", "repeat_hours = 700", "notices.served.attempts", "at most 60 may pass"),
        ("attempts = 5", "", "notices.served.attempts", "is missing"),
        ("\ndays = 7", "", "notices.served.days", "is missing"),
        ('["sms"]', '["pigeon"]', "notices.served.channels", "allowed are sms"),
        ('["sms"]', '"sms"', "notices.served.channels", "must be a list of words"),
        ('channels = ["sms"]', "", "notices.served.channels", "must name the channels"),
        ("letter_days = 7", "letter_days = 0", "notices.served.letter_days", "from 1 to 60"),
        ("authorised_restores = true", 'authorised_restores = "yes"', "payments.authorised_restores", "true or false"),
        ("at_most = 3", "at_most = 0", "payments.at_most", "from 1"),
        ("arrears_percent = 20", "arrears_percent = 100", "payments.arrears_percent", "leave something"),
        ("at_least = 0", "at_least = -1", "reconnect.at_least", "disconnected again at once"),
        (
            "at_least = 0",
            "at_least = 10\npartial = [{ percent = 50, days = 3 }]",
            "reconnect.at_least",
            "stay disconnected",
        ),
        (
            "at_least = 0",
            "at_least = 0\npartial = [{ percent = 50, days = 3 }, { percent = 75, days = 2 }]",
            "reconnect.partial",
            "more days for a larger percentage",
        ),
        ("[reconnect]", "[reconect]", "reconect", "is not known here"),
        ("charge_months = 12", "charge_months = 1", "look_back.charge_months", "from 2 to 120"),
        ("charge_months = 12", "charge_months = 30", "look_back.credit_months", "must not be below charge_months"),
        ("credit_months = 24", "credit_months = 6", "look_back.credit_months", "from 12 to 120"),
        ("times = 5", "times = 1", "reviews.times", "must be above 1"),
        ("times = 5", "", "reviews.times", "is missing"),
        ("days = 14", "days = 2", "reviews.days", "from 3 to 90"),
        ("above = 500", "", "reviews.above", "is missing"),
        ("ends_after_days = 10", "ends_after_days = 4", "reviews.ends_after_days", "must not be below"),
        ('undecided = "credited"', 'undecided = "forgotten"', "reviews.undecided", "allowed are credited, stands"),
    ],
)  # fmt: skip
def test_each_fault_has_a_place_and_a_sentence(old, new, where, words):
    assert old in GOOD
    found = faults(GOOD.replace(old, new, 1))
    assert any(fault.startswith(f"{where}: ") and words in fault for fault in found), found


def test_the_load_of_a_longer_time_to_pay_is_in_watts_above_zero():
    def longest(load):
        text = f'longer = [{{ categories = ["domestic"], up_to_kw = {load}, days = 3 }}]'
        return GOOD.replace("emergency = 50", f"emergency = 50\n{text}")

    assert parse_policy(longest('"0.001"')).credit.longer[0].up_to_w == 1
    for load in ("0", '"-1"', '"0.0005"'):
        assert faults(longest(load)) == ["credit.longer[1].up_to_kw: must be above zero, in whole watts"]


def test_a_document_without_a_limit_or_reviews_has_none():
    text = GOOD[: GOOD.index("[look_back]")]
    policy = parse_policy(text)
    assert (policy.look_back, policy.reviews) == (None, None)
    limit = parse_policy(f"{text}[look_back]\ncharge_months = 24").look_back
    assert (limit.charge_months, limit.credit_months) == (24, 24)


@pytest.mark.parametrize(
    ("months", "today", "first"),
    [
        (1, date(2026, 3, 31), date(2026, 2, 28)),
        (12, date(2024, 2, 29), date(2023, 2, 28)),
        (24, date(2026, 12, 1), date(2024, 12, 1)),
        (2, date(2026, 1, 15), date(2025, 11, 15)),
    ],
)
def test_the_limit_is_so_many_months_before_the_day(months, today, first):
    assert LookBack(months, 24).charged_from(today) == first


def test_an_abnormal_charge_is_above_the_mean_and_above_the_amount():
    rules = parse_policy(GOOD).reviews
    usual = 14 * 10_000
    assert not rules.abnormal(50_000, usual), "five times is not above five times"
    assert rules.abnormal(50_001, usual)
    assert rules.abnormal(50_001, 0)
    assert not rules.abnormal(50_000, 0), "the amount itself is not above it"


def test_all_faults_come_at_once():
    text = (
        GOOD.replace("emergency = 50", "emergency = -50").replace('"INR"', '"x"').replace("at_most = 3", "")
    )
    assert len(faults(text)) == 3


def test_what_is_not_toml():
    assert faults("format =")[0].startswith("document: is not TOML")
    assert "protected: must be a table" in faults("format = 1\nprotected = 3")


def test_added_holidays_are_held_to_the_promise():
    """An unnoticed week of festivals would keep an account on for ten days."""
    days = "".join(f'    {{ day = 2026-11-{n:02}, name = "Festival" }},\n' for n in range(9, 14))
    found = faults(GOOD.replace("holidays = [\n", "holidays = [\n" + days))
    assert found == [
        "cut.opens_within_days: is 4, but from 2026-11-07 no window opens for 8 days and 18 hours"
    ]
