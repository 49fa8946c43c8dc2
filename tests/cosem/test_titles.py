"""The index of system titles, compared with a dict."""

import numpy as np
import pytest
from hypothesis import given, strategies as st

from urja.cosem.title_index import TitleIndex

titles = st.one_of(st.integers(0, 12).map(lambda n: n.to_bytes(8)), st.binary(min_size=8, max_size=8))
steps = st.lists(st.tuples(st.booleans(), titles), max_size=60)


def found(index, asked):
    return index.find(np.frombuffer(b"".join(asked), np.uint64)).tolist()


@given(steps, st.lists(titles, max_size=20))
def test_the_index_agrees_with_a_dict(script, probes):
    index, model = TitleIndex(0x9E3779B97F4A7C15), {}
    for number, (put, title) in enumerate(script):
        if put:
            index.put(title, number)
            model[title] = number
        else:
            assert index.pop(title) == model.pop(title, None)
        asked = [*probes, *(t for _, t in script)]
        assert found(index, asked) == [model.get(title, -1) for title in asked]
        assert len(index) == len(model)
        assert all((title in index) == (title in model) for title in asked)


@pytest.mark.parametrize("made", [lambda n: b"URJ" + n.to_bytes(5), lambda n: n.to_bytes(8, "little")])
def test_many_titles_are_found_as_they_come_and_go(made):
    index, all_titles = TitleIndex(0x9E3779B97F4A7C15), [made(number) for number in range(5000)]
    for number, title in enumerate(all_titles):
        index.put(title, number)
    assert found(index, all_titles) == list(range(5000))
    for title in all_titles[::2]:
        index.pop(title)
    for number, title in enumerate(all_titles[:1000:4]):
        index.put(title, number)
    assert [index[title] for title in all_titles[:1000:4]] == list(range(250))
    assert found(index, all_titles[1::2]) == list(range(1, 5000, 2))
    assert found(index, all_titles[1000::2]) == [-1] * 2000
    assert found(index, [made(number) for number in range(6000, 9000)]) == [-1] * 3000
    assert found(index, []) == []
