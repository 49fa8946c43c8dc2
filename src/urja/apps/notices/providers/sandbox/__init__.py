"""The message service of the sandbox (docs/sandbox.md)."""
