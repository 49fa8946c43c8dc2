"""The texts of notices, in every language."""

import re
from datetime import datetime

import pytest

NOW = datetime.fromisoformat("2026-11-24T10:00:00+05:30")
"""A Tuesday."""
LOW = {
    "currency": "INR",
    "decimals": 2,
    "balance_minor": 4_200,
    "ends_at": "2026-11-26T19:00:00+05:30",
    "not_before_at": "2026-11-27T10:00:00+05:30",
    "last_percent": 30,
}


@pytest.fixture
def say(database_template):
    from urja.apps.notices.wording import text

    def say(kind, params, language="en", **more):
        return text(kind, params, now=NOW, language=language, recharge_at="urja.example/pay", **more)

    return say


@pytest.mark.parametrize("kind", ["low-30", "days-3", "below-100"])
def test_a_warning_names_days_units_and_when_nothing_can_be_cut(say, kind):
    assert say(kind, LOW, usual=6_000) == (
        "Your credit of ₹42 is enough until about Thursday 19:00 at your average use (6 units a day). "
        "No disconnection for credit before Friday 10:00. Recharge: urja.example/pay"
    )


def test_the_same_in_hindi(say):
    assert say("low-30", LOW, "hi", usual=6_450, consumer_number="URJ1") == (
        "आपकी शेष राशि ₹42 लगभग गुरुवार 19:00 बजे तक चलेगी (आपकी औसत खपत 6.5 यूनिट प्रतिदिन पर)। "
        "शुक्रवार 10:00 बजे से पहले राशि के कारण बिजली बंद नहीं की जाएगी। रिचार्ज: urja.example/pay, उपभोक्ता संख्या URJ1"
    )


def test_what_is_not_known_is_not_said(say):
    bare = {"currency": "INR", "balance_minor": 4_200}
    assert say("low-30", bare) == "Your credit is low: ₹42. Recharge: urja.example/pay"
    assert say("cut", bare) == (
        "Your credit is used up and your supply may be disconnected soon. Recharge: urja.example/pay"
    )


def test_no_notice_promises_a_day_in_the_past(say):
    past = LOW | {"ends_at": "2026-11-24T09:00:00+05:30", "not_before_at": "2026-11-24T09:59:00+05:30"}
    assert say("low-30", past) == "Your credit is low: ₹42. Recharge: urja.example/pay"


def test_a_day_that_is_far_has_its_date(say):
    far = {**LOW, "ends_at": "2026-12-03T19:00:00+05:30"}
    assert "until about Thursday 3 December, 19:00" in say("low-30", far)


def test_the_last_notices_say_what_to_pay(say):
    spent = LOW | {"balance_minor": -1_250, "to_pay_minor": 1_250, "emergency_minor": 5_000}
    assert say("zero", spent) == (
        "Your credit is used up: your balance is −₹12.50. Emergency credit of ₹50 keeps your supply connected for now. "
        "Pay ₹12.50 or more to stay connected. No disconnection for credit before Friday 10:00. "
        "Recharge: urja.example/pay"
    )
    assert say("cut", spent | {"emergency_minor": 0}) == (
        "Your credit is used up and your supply may be disconnected from Friday 10:00. "
        "Pay ₹12.50 or more to stay connected. Recharge: urja.example/pay"
    )


def test_good_news(say):
    reconnected = {"currency": "INR", "balance_minor": 48_750, "reconnected_at": "2026-11-24T09:58:00+05:30"}
    assert (
        say("reconnected", reconnected)
        == "Your supply has been reconnected: your meter confirmed it on Tuesday 09:58. Your balance is ₹487.50."
    )
    paid = {"amount_minor": 50_000, "currency": "INR", "balance_minor": 48_750, "ends_at": LOW["ends_at"]}
    assert say("recharge", paid, usual=1_000) == (
        "We have received your payment of ₹500. Your credit of ₹487.50 is enough until about Thursday 19:00 "
        "at your average use (1 unit a day)."
    )
    assert say("press", {}) == "Your supply can be switched on: press the button on your meter."


@pytest.mark.parametrize(
    ("params", "english", "hindi"),
    [
        (
            {"charge_minor": 90_000, "review_ends_at": "2026-12-15T10:00:00+05:30"},
            (
                "The charge of ₹900 of 23 November is unusually high: we are reviewing it. No disconnection for credit "
                "meanwhile, until Tuesday 15 December, 10:00 at the latest."
            ),
            (
                "23 नवंबर का ₹900 का शुल्क असामान्य रूप से अधिक है: हम इसकी जाँच कर रहे हैं। तब तक, अधिक से अधिक मंगलवार "
                "15 दिसंबर, 10:00 बजे तक, राशि के कारण बिजली बंद नहीं की जाएगी।"
            ),
        ),
        (
            {"confirmed_minor": 90_000},
            "We have reviewed the charge of ₹900 of 23 November: it is right.",
            "23 नवंबर के ₹900 के शुल्क की जाँच हो गई है: वह सही है।",
        ),
        (
            {"credited_minor": 90_000, "given_back_minor": 60_000},
            "We did not decide on the charge of ₹900 of 23 November in time: ₹600 is given back.",
            "23 नवंबर के ₹900 के शुल्क पर समय पर निर्णय नहीं हुआ: ₹600 लौटाए जाते हैं।",
        ),
        (
            {"credited_minor": 90_000},
            "We did not decide on the charge of ₹900 of 23 November in time: nothing above your usual charge remains of it.",
            "23 नवंबर के ₹900 के शुल्क पर समय पर निर्णय नहीं हुआ: आपके सामान्य शुल्क से अधिक उसमें कुछ शेष नहीं है।",
        ),
        (
            {"stood_minor": 90_000},
            "We did not decide on the charge of ₹900 of 23 November in time: it stands.",
            "23 नवंबर के ₹900 के शुल्क पर समय पर निर्णय नहीं हुआ: वह लागू रहेगा।",
        ),
    ],
)
def test_a_review_says_what_is_reviewed_and_how_it_ended(say, params, english, hindi):
    kind = "review" if "charge_minor" in params else "review_ended"
    params = {"currency": "INR", "charged_on": "2026-11-23"} | params
    assert say(kind, params) == english
    assert say(kind, params, "hi") == hindi


def test_the_languages_say_the_same(database_template):
    from urja.apps.notices.wording import _tables, known_language, languages

    assert languages() == ("en", "hi")
    english, hindi = _tables()["en"], _tables()["hi"]
    assert english["kinds"] == hindi["kinds"]
    assert english["sentences"].keys() == hindi["sentences"].keys()
    for name, sentence in english["sentences"].items():
        words = {*english["words"]["gas"]}
        assert names(sentence) - words == names(hindi["sentences"][name]) - words, name
    for table in (english, hindi):
        assert {*table["words"]["gas"]} == {*table["words"]["electricity"]}
    assert {sentence for kind in english["kinds"].values() for sentence in kind} <= english[
        "sentences"
    ].keys()
    assert (known_language("hi-IN"), known_language("ta")) == ("hi", "en")


@pytest.mark.parametrize(
    ("kind", "language", "said"),
    [
        ("cut", "en", "Your credit is used up and your gas valve may be closed from Friday 10:00."),
        ("cut", "hi", "आपकी राशि समाप्त हो गई है और शुक्रवार 10:00 बजे से गैस बंद की जा सकती है।"),
        ("zero", "en", "Pay ₹12.50 or more to keep your gas valve open."),
        ("zero", "hi", "गैस चालू रखने के लिए कम से कम ₹12.50 जमा करें।"),
        ("press", "en", "Your gas valve can be opened: press the button on your meter."),
        ("reconnected", "hi", "आपकी गैस चालू कर दी गई है: मीटर ने मंगलवार 09:58 बजे पुष्टि की।"),
    ],
)
def test_a_notice_of_gas_speaks_of_gas(say, kind, language, said):
    """No kind has a word of electricity or of a disconnection, whatever figures it knows."""
    from urja.apps.notices.wording import _tables

    params = LOW | {"balance_minor": -1_250, "to_pay_minor": 1_250, "emergency_minor": 5_000}
    params |= {"reconnected_at": "2026-11-24T09:58:00+05:30"}
    assert said in say(kind, params, language, commodity="gas")
    texts = [say(each, params, language, commodity="gas") for each in _tables()["en"]["kinds"]]
    assert not [text for text in texts if re.search("disconnect|reconnect|बिजली|unit", text)]


def names(sentence):
    return set(re.findall(r"\{(\w+)\}", sentence))


def test_used_emergency_credit_prevents_no_disconnection(database_template):
    """−63 of 50: asked for by the policy itself, so that a text cannot say more than its figures."""
    from tests.core.policy.cast import NOON, PLAIN, ripe

    from urja.apps.notices.wording import text
    from urja.core.policy import decide

    def told(balance_minor):
        notices = decide(PLAIN, ripe(balance_minor=balance_minor, notices=())).notices
        (zero,) = [notice for notice in notices if notice.kind == "zero"]
        return text("zero", zero.params, now=NOON)

    assert "Emergency credit of ₹50 keeps your supply connected for now." in told(-5_000)
    assert "Emergency credit" not in told(-5_001)
    assert "your balance is −₹63." in told(-6_300)
    assert "Emergency credit" not in told(-6_300)
