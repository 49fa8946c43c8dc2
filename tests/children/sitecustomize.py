"""For processes of the product that tests start: they do without `rich`, as where the product alone is installed.

structlog loads it where it is there: a tenth of a second of processor time of each process.
"""

import sys

if any(word.startswith("urja.") or "/bench/" in word or word.endswith("/bin/urja") for word in sys.orig_argv):
    sys.modules["rich"] = None
