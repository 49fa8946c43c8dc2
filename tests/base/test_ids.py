import pytest
from hypothesis import given, strategies as st

from urja.base import ids

BUCKET = st.integers(0, ids.BUCKETS - 1)


@given(BUCKET, st.integers(1, (1 << 40) - 1))
def test_the_bucket_rides_in_the_key(bucket, sequence):
    key = ids.compose_id(bucket, sequence)
    assert ids.bucket_of(key) == bucket
    assert 0 < key < 2**63


@pytest.mark.parametrize(("bucket", "sequence"), [(-1, 1), (1024, 1), (0, 0), (0, 1 << 40)])
def test_a_key_outside_its_range_is_refused(bucket, sequence):
    with pytest.raises(ValueError, match="outside"):
        ids.compose_id(bucket, sequence)


def test_shards_are_even_contiguous_ranges():
    shards = [ids.shard_of(bucket) for bucket in range(ids.BUCKETS)]
    assert shards == sorted(shards)
    assert {shards.count(shard) for shard in range(ids.SHARDS)} == {ids.BUCKETS // ids.SHARDS}


@given(st.integers(0, 2**42 - 1), st.integers(0, 2**64))
def test_a_correlation_is_thirteen_characters(unix_ms, entropy):
    correlation = ids.new_correlation(unix_ms, entropy)
    assert 0 <= correlation < 2**63
    text = ids.format_correlation(correlation)
    assert len(text) == 13


@given(st.integers(0, 2**42 - 2), st.integers(0, 2**21 - 1), st.integers(0, 2**21 - 1))
def test_correlations_sort_by_time(unix_ms, first, second):
    earlier, later = ids.new_correlation(unix_ms, first), ids.new_correlation(unix_ms + 1, second)
    assert ids.format_correlation(earlier) < ids.format_correlation(later)
