"""A workshop behind current transformers: its type has no relay, so a person is sent where others get a command."""

import pytest
from tests.apps.town import adopt
from tests.pipeline.test_by_hand import work_orders
from tests.pipeline.test_decide import Place, used_up

from urja.cosem.companion import load_device_type


@pytest.mark.parametrize(
    ("device_type", "sent"),
    [("urja-d2", "command"), ("urja-d3", "work order"), ("urja-d4", "work order")],
)
def test_the_type_decides_whether_a_command_or_a_person_goes(database, device_type, sent):
    relay = load_device_type(device_type).relay
    place = Place(database, [adopt(credit_minor=10_000, device_type=device_type, load_switch=relay)])
    used_up(place)
    report = place.go(place.at(1, 10, 1))
    if sent == "command":
        assert (place.commands(), work_orders(place)) == ([("disconnect", "queued")], [])
    else:
        assert (report.counts["work_orders"], place.commands()) == (1, [])
        assert work_orders(place) == [("switch_off_by_hand", "open")]
    place.connection.close()


def test_a_meter_cannot_have_a_switch_that_its_type_has_not(database):
    from urja.apps.journal.errors import RegistryError

    with pytest.raises(RegistryError, match="meters of type urja-d3 have no relay"):
        adopt(device_type="urja-d3", load_switch=True)
