"""Use cases: one module for each operation or group of operations; the only code that writes across apps."""
