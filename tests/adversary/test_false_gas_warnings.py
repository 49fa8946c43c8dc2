"""A head end's broker password makes reports of escaping gas: each meter warns its consumer once, until an operator acts."""

from tests.pipeline.test_decide import MINUTE
from tests.pipeline.test_gas_warnings import clerk, house, warned  # noqa: F401 - fixtures
from tests.pipeline.test_sleeping_meter import report_event

from urja.base.event_meanings import GAS_THROUGH_CLOSED_VALVE, LEAK_TEST_FAILED


def test_a_flood_of_reports_is_one_warning(house, clerk):  # noqa: F811 - the fixtures
    for number in range(20):
        house.now += MINUTE
        report_event(house, LEAK_TEST_FAILED if number % 2 else GAS_THROUGH_CLOSED_VALVE, house.now)
        house.go(only_changed=True)
    assert [kind for kind, _, _ in warned()] == ["gas_escapes", "gas_escapes_staff"]
    assert {command for command, _ in house.commands()} == {"disconnect"}
