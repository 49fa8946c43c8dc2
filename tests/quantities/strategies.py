"""Random channel sets for property tests."""

from hypothesis import strategies as st

from urja.quantities.catalogue import BY_NAME, QUANTITIES, Accumulation, Kind
from urja.quantities.channel_sets import BILLED, ChannelSet


@st.composite
def channel_sets(draw, *, most=24, billed=()):
    """A set that begins with what is billed and has up to `most` quantities of that commodity."""
    first = BY_NAME[draw(st.sampled_from(billed or sorted(BILLED)))]
    others = [
        one
        for one in QUANTITIES
        if one is not first and one.kind is not Kind.TIME and one.commodity == first.commodity
    ]
    chosen = [first]
    for one in draw(st.lists(st.sampled_from(others), unique=True, max_size=most // 2 - 1)):
        chosen.append(one)
        if one.accumulation is Accumulation.MAXIMUM:
            chosen.append(BY_NAME[f"{one.name}_at"])
    return ChannelSet("random", tuple(chosen))
