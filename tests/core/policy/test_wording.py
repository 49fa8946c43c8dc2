"""Every reason has a sentence in every language, and every sentence the parameters it names."""

import re
import tomllib
from importlib import resources

import pytest

from urja.core.policy import Reason, sentence
from urja.core.policy.wording import languages

PACKAGE = resources.files("urja.core.policy")
TABLES = {
    name: tomllib.loads((PACKAGE / "sentences" / f"{name}.toml").read_text("utf-8")) for name in languages()
}


def placeholders(text: str) -> set[str]:
    return set(re.findall(r"\{(\w+)\}", text))


def test_the_languages():
    assert languages() == ("en", "hi")


@pytest.mark.parametrize("language", TABLES)
def test_a_table_says_the_same_as_the_english_one(language):
    ours, english = TABLES[language]["reasons"], TABLES["en"]["reasons"]
    assert list(ours) == list(english)
    for key, text in ours.items():
        assert placeholders(text) == placeholders(english[key]), key
    assert len(TABLES[language]["weekdays"]) == 7
    assert len(TABLES[language]["months"]) == 12
    assert set(TABLES[language]["holds"]) == set(TABLES["en"]["holds"])


def test_amounts_days_and_instants():
    params = {"balance_minor": -12_345_650, "left_days": 1, "currency": "INR", "decimals": 2}
    text = "The balance is −₹1,23,456.50, which at the usual use lasts 1 day or less."
    assert sentence(Reason("r", "days", params)) == text
    held = Reason("holds", "held", {"held_holds": "safety,flood"})
    assert sentence(held) == "The supply is off for another reason than credit: work on the line, flood."
    lead = Reason("r", "lead", {"until_at": "2026-11-27T10:00:00+05:30"})
    assert sentence(lead, "hi-in") == (
        "राशि समाप्त हो गई है और सूचनाएँ पहुँच गई हैं; शुक्रवार 27 नवंबर, 10:00 बजे से पहले बिजली नहीं काटी जाएगी।"
    )
    assert sentence(
        Reason("r", "below", {"balance_minor": 5, "below_minor": 100, "currency": "LKR"}), "ta"
    ) == ("The balance is LKR 0.05, which is not above LKR 1.")


def test_a_reason_is_kept_as_json():
    reason = Reason("credit.cut_below", "fine", {"balance_minor": 1})
    assert Reason.from_json(reason.to_json()) == reason
