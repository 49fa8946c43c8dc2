"""Statements of account by the API."""

import hashlib

from tests.web.test_statements import state_march

from urja.apps.books.chain import canonical


def test_statements_are_for_those_who_may_see_the_ledger(api, society, postgres):
    account = society.flats[0].account_id
    address = f"/accounts/{account}/statements"
    assert api("consumer").get(address).json() == {"account_id": account, "currency": "INR", "items": []}
    stated = state_march(postgres, account)
    (listed,) = api("consumer").get(address).json()["items"]
    assert (listed["number"], listed["period_from"], listed["total_minor"]) == (
        stated.summary.number,
        "2026-03-01",
        stated.content.total_minor,
    )
    whole = api("clerk").get(f"{address}/{listed['number']}").json()
    assert whole["statement"] == listed
    # The hash can be taken over the content as it comes.
    digest = hashlib.sha256(bytes.fromhex(whole["previous_sha256"]) + canonical(whole["content"])).hexdigest()
    assert digest == whole["sha256"] == stated.summary.sha256
    assert api("secretary").get(address).status_code == 403
    proof = api("consumer").get(f"{address}/{listed['number']}/proof")
    assert (proof.status_code, "sealed statement" in proof.json()["detail"]) == (404, True)
    assert api("consumer").get(f"{address}/9-9").status_code == 404
    other = society.elsewhere.account_id
    assert api("consumer").get(f"/accounts/{other}/statements/{listed['number']}").status_code == 404
