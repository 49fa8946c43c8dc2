"""Payment gateways, one package each, found by name; `urja.apps.payments.port` describes their modules."""
