"""A meter's own registers on the page of its service point, in the unit of its commodity."""

from datetime import UTC, datetime

import pytest


@pytest.mark.parametrize(
    ("values", "said"), [({"volume_l": 5_000}, "m³"), ({"import_wh": 5_000, "import_wh_z1": 2_000}, "kWh")]
)
def test_a_billing_profile_is_in_the_unit_of_what_is_billed(django, values, said):
    from urja.apps.readings.queries.billing_profiles import BillingProfile
    from urja.web.console.service_point_meters import _profile

    at = datetime(2026, 3, 2, tzinfo=UTC)
    profile = BillingProfile(1, at, False, values, {})
    assert said in _profile(profile, at)[0]
