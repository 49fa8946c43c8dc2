"""Settings of outside services: which are named, what is refused, and with which message."""

import msgspec
import pytest
from django.test import override_settings

from urja.apps.payments.config import PaymentsConfig
from urja.base.settings import GatewaySettings, PaymentsSettings
from urja.site.cli.options import load_settings
from urja.site.command_errors import CommandError
from urja.site.supervisor.secrets import Vault

GATEWAY = (
    '[payments.gateways.{name}]\nprovider = "{provider}"\n[payments.gateways.{name}.options]\nkey_id = "k"\n'
)


@pytest.fixture
def load(tmp_path):
    def written(text):
        path = tmp_path / "urja.toml"
        path.write_text(text)
        return load_settings(path).settings

    return written


def test_several_gateways_in_the_order_of_the_file(load):
    settings = load(
        GATEWAY.format(name="second", provider="razorpay") + GATEWAY.format(name="first", provider="razorpay")
    )
    config = PaymentsConfig.of(settings.payments)
    assert [gateway.name for gateway in config.gateways] == ["second", "first"]
    assert {gateway.name for gateway in config.by_method().values()} == {"second"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            GATEWAY.format(name="a", provider="paypall"),
            r"payments\.gateways\.a\.provider is paypall; .*razorpay",
        ),
        (
            GATEWAY.format(name="a", provider="no.such.place"),
            r"'no\.such\.place' is no provider: no is not found",
        ),
        (GATEWAY.format(name="a", provider="../secrets"), r"a table \[payments\.gateways\.NAME\]"),
        (GATEWAY.format(name="'../a'", provider="razorpay"), r"a table \[payments\.gateways\.NAME\]"),
        (GATEWAY.format(name="A", provider="razorpay"), r"a table \[payments\.gateways\.NAME\]"),
        ('[payments.gateways.a]\nprovider = "razorpay"\n', r"payments\.gateways\.a\.options is .*`key_id`"),
        (
            GATEWAY.format(name="a", provider="razorpay") + "colour = 1\n",
            r"payments\.gateways\.a\.options .*unknown field `colour`",
        ),
        (
            GATEWAY.format(name="a", provider="razorpay").replace(
                '"razorpay"\n', '"razorpay"\nmethods = ["cash"]\n'
            ),
            r"Invalid enum value 'cash'.*a table \[payments\.gateways\.NAME\]",
        ),
    ],
)
def test_what_is_wrong_is_said(load, text, said):
    with pytest.raises(CommandError, match=said):
        load(text)


def test_each_gateway_has_secrets_of_its_own_and_the_web_has_none(load, tmp_path):
    settings = load(
        GATEWAY.format(name="a", provider="razorpay") + GATEWAY.format(name="b", provider="razorpay")
    )
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    vault = Vault.open(secrets).completed(settings)
    made = [value for gateway in vault.services.gateways.values() for value in gateway.values()]
    assert len(set(made)) == 4
    assert Vault.open(secrets).completed(settings) == vault
    told = vault.for_pipeline(settings, secrets)
    assert told.gateways == vault.services.gateways
    web = msgspec.json.encode(vault.for_web(settings, secrets)).decode()
    assert [value for value in made if value in web] == []


def test_the_secrets_of_the_one_gateway_of_before_are_kept(tmp_path):
    issued = {"key_secret": "issued", "webhook_secret": "issued too"}
    (tmp_path / "payments.json").write_bytes(msgspec.json.encode(issued))
    assert Vault.open(tmp_path).services.gateways == {"razorpay": issued}
    assert Vault.open(tmp_path).services.gateways == {"razorpay": issued}
    assert not (tmp_path / "payments.json").exists()


def test_no_gateway_is_no_configuration(database):
    from urja.apps.payments.queries import gateways

    with override_settings(URJA_PAYMENTS=PaymentsConfig.of(PaymentsSettings(least_minor=5))):
        assert gateways.config() is None
        assert gateways.settings_of_payments().least_minor == 5
    assert GatewaySettings(provider="razorpay").methods == ("upi", "card", "wallet")
