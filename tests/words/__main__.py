"""Print where words out of use stand: `uv run --group test python -m tests.words [PATH ...]`."""

import sys
from pathlib import Path

from tests.words.refused import findings
from tests.words.texts import ROOT

for found in findings([Path(path).resolve() for path in sys.argv[1:]] or [ROOT / "src"]):
    print(found)
