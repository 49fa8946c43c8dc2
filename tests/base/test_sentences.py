"""A guard's sentence is English in logs and the API, and pages can show it in another language."""

import json

from urja.base.sentences import Sentence, from_plain, say, to_plain, translated

HINDI = {
    "meter {serial} is installed at {place}{until}": "मीटर {serial} {place} पर लगा है{until}",
    " until {day}": " ({day} तक)",
}


def hindi(pattern):
    return HINDI.get(pattern, pattern)


def installed_at(place):
    return say(
        "meter {serial} is installed at {place}{until}",
        serial=7,
        place=place,
        until=say(" until {day}", day=3),
    )


def test_it_is_a_text_like_any_other():
    sentence = installed_at("C-{1}")
    assert sentence == "meter 7 is installed at C-{1} until 3"
    assert json.loads(json.dumps([sentence])) == [sentence]
    assert type(str(sentence)) is str


def test_it_is_said_in_another_language_with_its_parts():
    assert translated(installed_at("C-{1}"), hindi) == "मीटर 7 C-{1} पर लगा है (3 तक)"


def test_other_text_stays_as_it_is():
    assert translated("{nothing} of ours", hindi) == "{nothing} of ours"
    assert translated(say("not in the catalogue"), hindi) == "not in the catalogue"


def test_it_is_kept_with_its_parts():
    kept = json.loads(json.dumps(to_plain(installed_at("C-1"))))
    again = from_plain(kept)
    assert isinstance(again, Sentence)
    assert again == installed_at("C-1")
    assert translated(again, hindi) == translated(installed_at("C-1"), hindi)
    assert from_plain(to_plain("plain")) == "plain"
