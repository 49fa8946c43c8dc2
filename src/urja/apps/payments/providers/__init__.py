"""Payment gateways, a folder each, found by name; `urja.apps.payments.port` says what the files of a folder have."""
