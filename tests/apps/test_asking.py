"""What is asked in one go is answered as if it had been asked one by one, and a mistake is told where it is read."""

import pytest


def numbers(rows):
    return [number for (number,) in rows]


def test_answers_are_read_in_any_order(database):
    from urja.apps.asking import ask, together

    with together():
        asked = [ask("SELECT generate_series(1, %s)", [n], numbers) for n in (3, 0, 2)]
        assert [answer() for answer in reversed(asked)] == [[1, 2], [], [1, 2, 3]]


def test_an_answer_that_leads_to_another_question(database):
    from urja.apps.asking import ask, together

    with together():
        first = ask("SELECT %s::int", [4], numbers)
        later = ask("SELECT 'later'", [], numbers)
        (number,) = first()
        assert ask("SELECT %s::int + 1", [number], numbers)() == [5]
        assert later() == ["later"]


def test_a_statement_that_fails_fails_where_it_is_waited_for_and_the_connection_goes_on(database):
    from django.db import ProgrammingError

    from urja.apps.asking import ask, together

    with pytest.raises(ProgrammingError, match="nowhere"), together():
        ask("SELECT * FROM nowhere", [], numbers)()
    assert ask("SELECT 1", [], numbers)() == [1]
