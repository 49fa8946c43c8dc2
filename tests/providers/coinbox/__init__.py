"""A payment gateway for tests, outside of the package: settings name it as `tests.providers.coinbox` (README.md)."""
