"""What people read has the words of the glossary, and none that are out of use."""

import pytest
from tests.words.refused import findings
from tests.words.texts import ROOT

_READ = ("src", "docs", "tests", "bench", "README.md", "CONTRIBUTING.md", "SECURITY.md")


@pytest.mark.parametrize("path", _READ)
def test_no_word_out_of_use_stands(path):
    assert list(findings([ROOT / path])) == []


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("page.html", "<p>Nobody has to go anywhere</p>"),
        ("hangings.py", ""),
        ("names.py", "class RelightQueue: ..."),
        ("comment.py", "x = 1  # is reckoned"),
        ("docstring.py", '"""Rows that are put aside."""'),
        ("message.po", 'msgstr "वृक्ष"'),
    ],
)
def test_a_word_out_of_use_is_found(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    assert len(list(findings([tmp_path]))) == 1


def test_a_phrase_after_the_name_of_a_file_is_allowed_there_alone(tmp_path):
    for name in ("inputs.py", "other.py"):
        (tmp_path / name).write_text("class Silence: ...")
    assert [found.split(":")[0] for found in findings([tmp_path])] == [str(tmp_path / "other.py")]


@pytest.mark.parametrize("text", ["color-scheme: dark", "Silencer", "the hanger", "A recharge is posted"])
def test_other_words_are_left_alone(tmp_path, text):
    (tmp_path / "page.html").write_text(text)
    assert list(findings([tmp_path])) == []
