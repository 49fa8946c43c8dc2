"""The sandbox gateway credits what anyone pays with a test card: beside real money it would be free energy.

Its thief is a person who reaches the portal or the gateway, or has taken over either. So it runs only where this machine
alone reaches them and no real money is in the books, and it is given nothing but its own two secrets.
"""

from datetime import timedelta
from zoneinfo import ZoneInfo

import msgspec
import pytest
from tests.apps.town import START, ZONE, adopt, pay

from urja.base.configuration import load
from urja.base.settings import GatewaySettings, PaymentsSettings, Settings
from urja.sandbox.arguments import parse
from urja.sandbox.gateway.arguments import GatewayArguments
from urja.site.cli.restore import _how_to_start
from urja.site.command_errors import CommandError, Exit
from urja.site.supervisor import sandbox_gateway
from urja.site.supervisor.secrets import Vault


def payable(**web: object) -> Settings:
    settings = load(None, {})
    return msgspec.structs.replace(settings, web=msgspec.structs.replace(settings.web, **web))


@pytest.mark.parametrize(
    "web",
    [
        {"host": "0.0.0.0"},
        {"host": "192.168.1.9"},
        {"public_url": "https://neem.example"},
        {"hosts": ("localhost", "neem.example")},
    ],
    ids=["all addresses", "the local network", "a public address", "a name behind a proxy"],
)
def test_it_does_not_run_where_others_reach_the_portal(web):
    with pytest.raises(CommandError, match="others can reach the portal") as refused:
        sandbox_gateway.with_sandbox(payable(**web))
    assert refused.value.code is Exit.USAGE


@pytest.mark.parametrize("key_id", ["rzp_live_1", "rzp_test_1"])
def test_it_does_not_run_beside_a_gateway(key_id):
    main = {"main": GatewaySettings(provider="razorpay", options={"key_id": key_id})}
    configured = msgspec.structs.replace(load(None, {}), payments=PaymentsSettings(gateways=main))
    with pytest.raises(CommandError, match="the gateway main is configured"):
        sandbox_gateway.with_sandbox(configured)


def test_a_restored_trial_is_started_with_it_and_with_no_setting_of_it(tmp_path):
    settings = sandbox_gateway.with_sandbox(payable(port=8001))
    start, book, variables = _how_to_start(tmp_path, settings)
    assert f"urja up --data {tmp_path} --sandbox-gateway;" in start
    assert "book is in no backup" in book
    assert variables.endswith(": URJA_WEB_PORT=8001")


def test_it_does_not_run_on_books_with_real_payments(database):
    """Also where that gateway is configured no more: what is paid here would stand beside them."""
    from urja.apps.books.operations import request_credit

    account_id = adopt(credit_minor=5_000).account_id

    def credited(key: str) -> None:
        request_credit(
            account_id=account_id, amount_minor=100, kind="recharge", idempotency_key=key, requested_at=START
        )

    credited(f"{sandbox_gateway.NAME}:pay_1")
    sandbox_gateway.check_books(database.conninfo())
    credited("main:pay_1")
    with pytest.raises(CommandError, match=r"real payments \(1\)"):
        sandbox_gateway.check_books(database.conninfo())


def test_payments_of_the_sandbox_are_missing_money_before_going_live(database):
    from urja.site import registry_readiness

    account_id = adopt().account_id
    pay(account_id, 20_000, "pay_1")
    sentence = "the books have payments of the sandbox gateway (1), for which no money came"

    def said() -> list[str]:
        found = registry_readiness.findings(
            START + timedelta(days=1), ZoneInfo(ZONE), "INR", [], has_gateway=True
        )
        return [one.sentence for one in found if one.blocks]

    with database.connect() as owner:
        owner.execute("UPDATE payments_order SET state = 'credited', credited_at = %s", [START])
        assert sentence not in said()
        owner.execute("UPDATE payments_order SET provider = %s", [sandbox_gateway.NAME])
    assert sentence in said()


def test_it_is_told_its_own_secrets_alone_and_listens_on_this_machine(tmp_path):
    settings = sandbox_gateway.with_sandbox(load(None, {}))
    vault = Vault.open(tmp_path).completed(settings)
    secrets = vault.services.gateways[sandbox_gateway.NAME]
    child = sandbox_gateway.child_of(sandbox_gateway.NAME, settings, secrets, tmp_path)
    given = parse(child.arguments, GatewayArguments)
    assert (given.host, given.key_secret) == ("127.0.0.1", secrets["key_secret"])
    told = msgspec.json.encode(child.arguments).decode()
    for other in (vault.admin, vault.headend, vault.pipeline, vault.web):
        assert not [one for one in msgspec.to_builtins(other).values() if one and one in told]
    web = msgspec.json.encode(vault.for_web(settings, tmp_path)).decode()
    assert not [one for one in secrets.values() if one in web]
