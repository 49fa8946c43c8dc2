"""Date-times as read, their conversion to UTC, OBIS codes."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, strategies as st

from urja.cosem.errors import DecodeError, LocalError
from urja.cosem.obis import CosemAttribute, CosemMethod, Obis
from urja.cosem.time import ClockStatus, CosemDate, CosemDateTime, CosemTime, DeviationSign

INDIAN = DeviationSign.INDIAN
MIN, MAX = datetime(2, 1, 3), datetime(9990, 1, 1)  # noqa: DTZ001  (what Hypothesis asks for)


@given(st.binary(min_size=12, max_size=12))
def test_twelve_bytes_are_kept_as_read(raw):
    moment = CosemDateTime.from_bytes(raw)
    assert moment.to_bytes() == raw
    str(moment)
    with suppress(DecodeError):
        assert moment.to_utc(default_deviation_min=0).tzinfo is UTC


@given(
    st.datetimes(MIN, MAX),
    st.integers(-720, 720),
    st.sampled_from(DeviationSign),
)
def test_a_moment_survives_any_deviation_under_its_own_sign(naive, deviation, sign):
    moment = naive.replace(tzinfo=UTC, microsecond=naive.microsecond // 10_000 * 10_000)
    written = CosemDateTime.from_utc(moment, deviation_min=deviation, sign=sign)
    assert CosemDateTime.from_bytes(written.to_bytes()).to_utc(sign) == moment


def test_both_signs_of_the_deviation():
    ist = CosemDateTime.from_bytes(bytes.fromhex("07e9041002091e0000014a00"))
    assert ist.deviation_min == 330
    assert ist.to_utc(INDIAN) == datetime(2025, 4, 16, 4, 0, tzinfo=UTC)
    paris = CosemDateTime.from_bytes(bytes.fromhex("07e9041002091e0000ffc400"))
    assert paris.to_utc() == datetime(2025, 4, 16, 8, 30, tzinfo=UTC)


def test_the_default_deviation_has_the_same_sign():
    clock = CosemDateTime.from_bytes(bytes.fromhex("07e9041002091e0000800000"))
    assert clock.to_utc(INDIAN, 330) == datetime(2025, 4, 16, 4, 0, tzinfo=UTC)
    assert clock.to_utc(INDIAN, 0) == datetime(2025, 4, 16, 9, 30, tzinfo=UTC)
    with pytest.raises(DecodeError):
        clock.to_utc(INDIAN)


def test_seconds_may_be_left_out():
    clock = CosemDateTime.from_bytes(bytes.fromhex("07e70401061520ffffff8880"))
    assert clock.second == clock.hundredths == 0xFF
    assert clock.to_utc() == datetime(2023, 4, 1, 19, 32, tzinfo=UTC)


def test_a_deviation_beyond_a_day_is_refused():
    with pytest.raises(DecodeError):
        CosemDateTime(2023, 4, 1, 6, 21, 32, 0, 0, -30592, 0).to_utc()


@pytest.mark.parametrize(
    "raw",
    [
        "ffff041002091e0000014a00",  # any year
        "07e9fe1002091e0000014a00",  # begin of daylight saving
        "07e904fe02091e0000014a00",  # last day of the month
        "07e9041002ff1e0000014a00",  # any hour
        "07e9021e02091e0000014a00",  # 30 February
        "000104100209000000000000",  # the year 1
    ],
)
def test_wildcards_are_no_moment(raw):
    with pytest.raises(DecodeError):
        CosemDateTime.from_bytes(bytes.fromhex(raw)).to_utc(INDIAN)


def test_status():
    clock = CosemDateTime.from_utc(datetime(2025, 1, 1, tzinfo=UTC), status=0x81)
    assert clock.clock_status == ClockStatus.INVALID_VALUE | ClockStatus.DAYLIGHT_SAVING
    assert CosemDateTime(2025, 1, 1).clock_status is None
    reserved = CosemDateTime(2025, 1, 1, status=0x40).clock_status
    assert reserved is not None
    assert int(reserved) == 0x40


def test_a_moment_of_another_zone_and_of_none():
    moment = datetime(2025, 4, 16, 9, 30, tzinfo=timezone(timedelta(minutes=330)))
    written = CosemDateTime.from_utc(moment, deviation_min=330, sign=INDIAN)
    assert (written.hour, written.minute, written.weekday) == (9, 30, 3)
    with pytest.raises(LocalError):
        CosemDateTime.from_utc(MIN)


def test_too_few_bytes_and_too_large_fields():
    for kind, size in ((CosemDateTime, 12), (CosemDate, 5), (CosemTime, 4)):
        with pytest.raises(DecodeError):
            kind.from_bytes(bytes(size - 1))
        assert kind.from_bytes(bytes(size)).to_bytes() == bytes(size)
    with pytest.raises(LocalError):
        CosemDateTime(70000, 1, 1).to_bytes()
    with pytest.raises(LocalError):
        CosemDate(70000, 1, 1).to_bytes()
    with pytest.raises(LocalError):
        CosemTime(300, 0).to_bytes()
    assert str(CosemDate(0xFFFF, 1, 0xFF)) == "****-01-**"
    assert str(CosemTime(9, 0)) == "09:00:**"


def test_obis():
    code = Obis.parse("1.0.1.8.0.255")
    assert bytes(code) == bytes.fromhex("0100010800ff")
    assert str(code) == "1.0.1.8.0.255"
    assert Obis.parse("1-0:1.8.0*255") == code == Obis.from_bytes(bytes(code))
    for wrong in ("1.0.1.8.0", "1.0.1.8.0.256", "a.b.c.d.e.f", ""):
        with pytest.raises(LocalError):
            Obis.parse(wrong)
    with pytest.raises(DecodeError):
        Obis.from_bytes(b"\x01\x00")


def test_references():
    assert CosemAttribute.of(3, "1.0.1.8.0.255", -1).encode().hex() == "00030100010800ffff"
    assert CosemMethod.of(70, bytes.fromhex("000060030aff"), 1).encode().hex() == "0046000060030aff01"
    with pytest.raises(LocalError):
        CosemAttribute.of(70000, "1.0.1.8.0.255", 2).encode()
    with pytest.raises(LocalError):
        CosemAttribute.of(3, "1.0.1.8.0.255", 128).encode()
