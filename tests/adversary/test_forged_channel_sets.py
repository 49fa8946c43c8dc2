"""A thief with a head end's password at the broker publishes readings under channel sets of their own making."""

from itertools import combinations, islice

import numpy as np
import pytest
from tests.apps.town import START, ZONE, adopt
from tests.pipeline.test_channel_sets import NOW, batch

from urja.apps.readings.channel_sets import SHIPPED, load
from urja.pipeline.ingest import Ingester
from urja.pipeline.stage import StageConnection
from urja.quantities.catalogue import QUANTITIES, Accumulation, Commodity
from urja.quantities.channel_sets import D1_BLOCK, channel_set
from urja.stream.codec import HEADER_CHANNELS, Batch, decode_batch, dtype_of, encode_batch
from urja.stream.errors import PoisonMessageError
from urja.stream.subjects import Kind

SETS = 10_000
BATCHES = 500
"""As many as the stage takes from the stream at once."""


@pytest.fixture
def stage_connection(database):
    session = StageConnection(database.conninfo("urja_pipeline"))
    yield session
    session.close()


@pytest.mark.parametrize(
    "header",
    [
        "d1-block 0123456789abcdef 1000,1020",
        f"d1-block {D1_BLOCK.hash} 1000,1020",
        "d1-block 0123456789abcdef 1000,77777",
        f"d1-block {D1_BLOCK.hash} {'9' * 5000}",
        f"d1-block {D1_BLOCK.hash} " + ",".join(["1000"] * 10_000),
        f"{'x' * 10_000} {D1_BLOCK.hash} {','.join(map(str, D1_BLOCK.ids))}",
        "",
    ],
    ids=["hash", "of-another", "no-quantity", "digits", "long", "name", "none"],
)
def test_a_header_that_does_not_hold_together_is_quarantined(header):
    """The consumer puts what does not decode into quarantine; the reason that it keeps is short."""
    whole = batch(Kind.BLOCK, D1_BLOCK, 1, START, (1,) + (None,) * 6)
    headers, payload = encode_batch(Kind.BLOCK, whole.records, 1, D1_BLOCK)
    with pytest.raises(PoisonMessageError) as refused:
        decode_batch({**headers, HEADER_CHANNELS: header}, payload)
    assert len(str(refused.value)) < 1000


def test_thousands_of_sets_use_up_no_number_and_stop_no_meter(database, stage_connection):
    """Each is a set of the catalogue. The tables, and what the stage keeps of them, stay as large as they are."""
    home = adopt()
    others = [
        quantity.name
        for quantity in QUANTITIES
        if quantity.accumulation is Accumulation.DELTA and quantity.commodity is Commodity.ELECTRICITY
    ][1:]
    forged = [
        channel_set("forged", ("interval_import_wh", *more)) for more in islice(combinations(others, 5), SETS)
    ]
    assert len(forged) == SETS
    ingester = Ingester(stage_connection, ZONE)
    # One row of each at the same instant, so that they make exceptions of one day.
    outcome = ingester.apply(
        [batch(Kind.BLOCK, one, home.device_id, START, (900,) * 6) for one in forged[:20]], NOW
    )
    assert (outcome.stored.inserted, outcome.refused) == (0, 20)
    for begin in range(20, SETS, BATCHES):
        # Batches without rows name sets too.
        ingester.apply(
            [
                Batch(Kind.BLOCK, 1, np.zeros(0, dtype_of(Kind.BLOCK, one)), one)
                for one in forged[begin : begin + BATCHES]
            ],
            NOW,
        )
        assert len(ingester._sets) <= BATCHES + len(SHIPPED)
    mine = batch(Kind.BLOCK, D1_BLOCK, home.device_id, START, (70,) + (None,) * 6)
    assert ingester.apply([mine], NOW).stored.inserted == 1
    with database.connect() as connection:
        assert load(connection.cursor()) == SHIPPED
        assert connection.execute("SELECT billed_value FROM readings_accrual").fetchall() == [(70,)]
