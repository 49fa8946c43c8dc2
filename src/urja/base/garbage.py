"""Work without the interpreter's search for garbage."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def no_collections() -> Iterator[None]:
    """Look for no cycles of garbage, where all that is made stays or has none.

    Modules that are loaded would be walked again and again, for a tenth of a start; so would a bucket's rows, for a sixth of a close.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
