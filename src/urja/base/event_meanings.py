"""Meanings of a meter type's own events that are acted on whatever code its maker gave them."""

from typing import Final

GAS_THROUGH_CLOSED_VALVE: Final = -3
LEAK_TEST_FAILED: Final = -4
"""The valve was not opened, because gas escapes behind it."""

MEANINGS: Final = {
    "gas_through_closed_valve": GAS_THROUGH_CLOSED_VALVE,
    "leak_test_failed": LEAK_TEST_FAILED,
}
"""The code that an event is stored under, by the name that a type's `events.toml` gives its meaning by.

They are negative and follow those of `urja.stream.records.OwnEvent`: codes of standards and makers begin at 1.
"""
