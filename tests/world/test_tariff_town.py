"""Over a settlement and a year's end with a tariff for each kind of line: every law holds, and no supply is disconnected for what
does not count."""

from datetime import date

import pytest
from tests.world.tariff_town import APRIL, AREAS_DM2, FEBRUARY, FIRST, LAST, SIX_STOPS, TWO_STOPS, TariffTown

MARCH = date(2026, 3, 1)


def days(town, name, kind):
    """On which local days a supply was disconnected, or reconnected."""
    return [day for one, day in town.commands(name) if one == kind]


@pytest.mark.parametrize(
    ("first", "last", "stops"),
    [
        (FIRST, LAST, TWO_STOPS),
        # Five times as long. The other one has every situation too.
        pytest.param(FEBRUARY, APRIL, SIX_STOPS, marks=[pytest.mark.slow, pytest.mark.timeout(3600)]),
    ],
    ids=["a settlement", "two months"],
)
def test_over_a_settlement_and_a_years_end_every_law_holds(database, first, last, stops):
    with TariffTown.built(database, first, stops=stops, kills=0.04) as town:
        town.live_through(last)
        assert town.broken() == {}
        # A bank that settles, a peak whose reading came after its month, a subsidy that was taken back and is given again;
        # in the middle of April its cliff is crossed again.
        assert town.charged("roof", "settlement")[MARCH] < 0
        assert town.charged("shop", "demand")[MARCH] > 0 < town.charged("shop", "factor")[MARCH]
        corrected = town.connection.execute(
            "SELECT count(*) FROM books_entry WHERE line = 'demand' AND period_start = %s AND account_id = %s",
            [MARCH, town.meters["workshop"].adopted.account_id],
        ).fetchone()
        assert corrected == (2,)
        subsidy = town.charged("subsidised", "subsidy")
        assert subsidy[MARCH] == 0
        assert (subsidy[date(2026, 4, 1)] < 0) == (last == LAST), subsidy
        assert town.charged("saver", "thanks")[MARCH] < 0 > town.charged("saver", "interest")[MARCH]
        # Half-months have bills of their own, and the flats bear the lifts by their areas, late reads of them too.
        assert set(town.charged("late", "energy")) >= {date(2026, 3, 1), date(2026, 3, 16), date(2026, 4, 1)}
        borne = [sum(town.charged(name, "common").values()) for name in AREAS_DM2]
        assert borne[0] > 0 < borne[1]
        assert borne[0] * AREAS_DM2["patient"] == pytest.approx(borne[1] * AREAS_DM2["flat"], rel=0.001)
        # Each was below the limit for what does not count, and was not disconnected for it.
        assert "at_close" in town.reasons["shop"]
        # Two months have used its credit up before: it is disconnected on the 28th and topped up on the 30th.
        counts_from = MARCH if last == LAST else date(2026, 3, 30)
        assert not [day for day in days(town, "shop", "disconnect") if counts_from < day < date(2026, 4, 4)]
        assert "clawed_back" in town.reasons["subsidised"]
        assert "review" in town.reasons["spiky"]
        assert "medical" in town.reasons["patient"]
        # Protected from the first day of the settlement on.
        assert [day for day in days(town, "patient", "disconnect") if day >= FIRST] == []
        # Ordered postpaid while it was off, and prepaid again; who does not pay is disconnected, who pays is reconnected.
        assert date(2026, 3, 18) in days(town, "poor", "connect")
        assert {"postpaid", "conversion"} <= town.reasons["poor"]
        assert len(days(town, "late", "disconnect")) > 2 < len(days(town, "late", "connect"))
        assert town.killed.total() > 4
