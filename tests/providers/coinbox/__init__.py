"""A payment gateway of nobody's, outside the package: settings name it as `tests.providers.coinbox` (README.md)."""
