"""Every reason has a sentence in every language, and every sentence has the parameters it names."""

import re
import tomllib
from datetime import datetime, timedelta
from importlib import resources

import pytest

from urja.core.policy import Reason, sentence, sentence_at, sentence_then
from urja.core.policy.wording import languages

PACKAGE = resources.files("urja.core.policy")
TABLES = {
    name: tomllib.loads((PACKAGE / "sentences" / f"{name}.toml").read_text("utf-8")) for name in languages()
}


def placeholders(text: str) -> set[str]:
    """The parameters that a sentence names, without the words of its commodity."""
    return set(re.findall(r"\{(\w+)\}", text)) - set(TABLES["en"]["words"]["gas"])


def test_the_languages():
    assert languages() == ("en", "hi")


@pytest.mark.parametrize("language", TABLES)
def test_each_reason_can_be_told_afterwards(language):
    now, then = TABLES[language]["reasons"], TABLES[language]["then"]
    assert list(now) == list(then)
    for key, text in then.items():
        assert placeholders(text) <= placeholders(now[key]), key


def test_what_was_ordered_is_told_without_a_promise():
    params = {"balance_minor": -6_300, "limit_minor": -5_000, "until_at": "2026-11-27T16:00:00+05:30"}
    ordered = Reason("cut.from", "to_be_cut", {**params, "currency": "INR", "decimals": 2})
    assert sentence(ordered) == (
        "The balance of −₹63 is below −₹50 and every condition is met; the supply will be disconnected by "
        "Friday 27 November, 16:00."
    )
    was = "The balance of −₹63 was below −₹50 and every condition was met."
    assert sentence_then(ordered) == was
    until = datetime.fromisoformat(params["until_at"])
    assert sentence_at(ordered, until - timedelta(seconds=1)) == sentence(ordered)
    assert sentence_at(ordered, until) == was


@pytest.mark.parametrize("language", TABLES)
def test_a_table_says_the_same_as_the_english_one(language):
    for form in ("reasons", "then"):
        ours, english = TABLES[language][form], TABLES["en"][form]
        assert list(ours) == list(english)
        for key, text in ours.items():
            assert placeholders(text) == placeholders(english[key]), (form, key)
    assert len(TABLES[language]["weekdays"]) == 7
    assert len(TABLES[language]["months"]) == 12
    assert set(TABLES[language]["holds"]) == set(TABLES["en"]["holds"])


@pytest.mark.parametrize("language", TABLES)
def test_a_reason_of_gas_speaks_of_gas_in_each_sentence(language):
    """No word of electricity and no disconnection: a valve is closed. Electricity's sentences are as they were."""
    table = TABLES[language]
    assert {*table["words"]["gas"]} == {*table["words"]["electricity"]}
    for form in ("reasons", "then"):
        for key, text in table[form].items():
            params = dict.fromkeys(placeholders(text), "2026-11-27T16:00:00+05:30")
            params |= {name: 1 for name in params if name.endswith(("_minor", "_days", "_hours", "_percent"))}
            params |= {name: "monday" for name in params if name.endswith("_weekday")}
            params |= {name: "safety" for name in params if name.endswith("_holds")}
            say = sentence if form == "reasons" else sentence_then
            said = say(Reason("r", key, params).of("gas"), language)
            assert not re.search("disconnect|reconnect|supply line|बिजली", said), said
            assert "valve" not in say(Reason("r", key, params), language)
    held = Reason("holds", "held", {"held_holds": "safety"})
    assert held.of("electricity") is held
    assert sentence(held.of("gas")) == (
        "The valve is closed for another reason than credit: danger from gas, or work on the gas line."
    )
    assert sentence(held.of("gas"), "hi") == "गैस किसी और कारण से बंद है: गैस से ख़तरा या गैस लाइन पर काम।"


def test_amounts_days_and_instants():
    params = {"balance_minor": -12_345_650, "left_days": 1, "currency": "INR", "decimals": 2}
    text = "The balance is −₹1,23,456.50, which lasts 1 day or less at the average use."
    assert sentence(Reason("r", "days", params)) == text
    held = Reason("holds", "held", {"held_holds": "safety,flood"})
    assert (
        sentence(held)
        == "The supply is disconnected for another reason than credit: work on the supply line, flood."
    )
    lead = Reason("r", "lead", {"until_at": "2026-11-27T10:00:00+05:30"})
    assert sentence(lead, "hi-in") == (
        "राशि समाप्त हो गई है और सूचनाएँ तामील हो चुकी हैं; शुक्रवार 27 नवंबर, 10:00 बजे से पहले बिजली बंद नहीं की जाएगी।"
    )
    assert sentence(
        Reason("r", "below", {"balance_minor": 5, "below_minor": 100, "currency": "LKR"}), "ta"
    ) == ("The balance is LKR 0.05, which is not above LKR 1.")


def test_a_reason_is_kept_as_json():
    reason = Reason("credit.cut_below", "fine", {"balance_minor": 1})
    assert Reason.from_json(reason.to_json()) == reason
