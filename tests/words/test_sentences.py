"""Documents are written in short sentences."""

import pytest
from tests.words.sentences import long_sentences, pages, sentences, words


def test_no_sentence_of_a_document_is_long():
    assert list(long_sentences(pages())) == []


@pytest.mark.parametrize(
    "text",
    [
        "one " * 31,
        "* An item.\n* " + "two " * 31,
        f"| a | {'three ' * 31} |",
        f"In short.\nThen {'four ' * 30}",
    ],
)
def test_a_long_sentence_is_found(tmp_path, text):
    page = tmp_path / "page.md"
    page.write_text(text)
    assert max(words(sentence) for _, sentence in sentences(page)) == 31


@pytest.mark.parametrize(
    "text", ["    code " + "one " * 31, f"```\n{'two ' * 31}\n```", f"An `{'x ' * 40}` here."]
)
def test_code_is_no_sentence(tmp_path, text):
    page = tmp_path / "page.md"
    page.write_text(text)
    assert max((words(sentence) for _, sentence in sentences(page)), default=0) <= 3
