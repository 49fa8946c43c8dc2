"""Banked units by the API."""


def test_the_route_is_for_those_who_may_see_the_ledger(api, society):
    address = f"/agreements/{society.flats[0].agreement_id}/units"
    told = api("consumer").get(address).json()
    assert (told["settles_on"], told["items"]) == (None, [])
    assert api("secretary").get(address).status_code == 403
