"""Which connections stay open when the limit is reached."""

import resource
import subprocess
import sys
from collections import Counter

from hypothesis import given, strategies as st

from urja.headend.admission import Admission

STEPS = st.lists(
    st.tuples(
        st.sampled_from(["come", "come", "come", "push", "go"]), st.integers(0, 40), st.sampled_from("abcd")
    ),
    max_size=120,
)


@given(STEPS, st.integers(1, 12), st.integers(1, 12), st.integers(1, 100))
def test_known_meters_stay_and_strangers_keep_within_their_room(steps, most, most_strangers, percent):
    admission = Admission[int](most=most, most_unknown=most_strangers, share_percent=percent)
    share = max(1, min(most, most_strangers) * percent // 100)
    strangers: dict[int, str] = {}
    known: set[int] = set()
    for number, (what, which, network) in enumerate(steps):
        there = [*strangers, *known]
        if what == "come":
            before = dict(strangers)
            closed = admission.admit(number, network)
            strangers[number] = network
            if closed is not None:
                pressed = len(before) + 1 > min(most, most_strangers) or len(before) + 1 + len(known) > most
                assert pressed, "closed without need"
                counts = Counter(strangers.values())
                over = {name for name, count in counts.items() if count > share}
                assert closed in strangers, "a known meter was closed for a stranger"
                if over:
                    assert strangers[closed] in over, "a network within its share has paid for another"
                same = [one for one, name in strangers.items() if name == strangers[closed]]
                assert closed == same[0], "not the oldest of its network"
                del strangers[closed]
        elif there and what == "push":
            one = there[which % len(there)]
            admission.recognise(one)
            strangers.pop(one, None)
            known.add(one)
        elif there:
            one = there[which % len(there)]
            admission.forget(one)
            strangers.pop(one, None)
            known.discard(one)
        assert admission.unknown == len(strangers) <= min(most, most_strangers)
        assert len(strangers) + len(known) <= most


def test_where_all_are_known_the_newcomer_goes():
    admission = Admission[str](most=2, most_unknown=2, share_percent=50)
    for one in ("first", "second"):
        assert admission.admit(one, "net") is None
        admission.recognise(one)
    assert admission.admit("third", "other") == "third"


def test_a_meter_that_is_known_elsewhere_leaves_a_stranger_behind():
    admission = Admission[str](most=2, most_unknown=2, share_percent=100)
    admission.admit("old", "net")
    admission.recognise("old")
    admission.admit("new", "net")
    admission.recognise("new")
    admission.mark_unknown("old", "net")
    assert admission.admit("next", "net") == "old"


def test_the_limit_of_open_files_is_raised_and_bounds_the_connections():
    program = (
        "import resource; from urja.base.file_descriptors import connection_limit;"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (256, 2048));"
        "print(connection_limit(1000), resource.getrlimit(resource.RLIMIT_NOFILE)[0], connection_limit(20000))"
    )
    found = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=True
    )
    assert found.stdout.splitlines()[-1].split() == ["1000", "1500", "1548"]
    assert "LimitNOFILE" in found.stdout + found.stderr
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] > 0
