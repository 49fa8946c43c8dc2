"""The site of the documentation is built from `docs/`, with no broken link, and needs nothing from elsewhere."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
LOADED = re.compile(
    r"<(?:script|img|iframe|source)\b[^>]*\bsrc=[\"']?(https?:|//)|<link\b[^>]*\brel=[\"']?(?:stylesheet|preconnect|preload|icon)[^>]*\bhref=[\"']?(?:https?:|//)"
)


def test_the_site_is_built_without_a_warning_and_loads_nothing_from_elsewhere(tmp_path):
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", tmp_path],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert built.returncode == 0, built.stdout + built.stderr
    pages = list(tmp_path.rglob("*.html"))
    assert len(pages) > 40
    for page in pages:
        text = page.read_text()
        assert not LOADED.search(text), page
        # The theme would load a program that draws them.
        assert 'class="mermaid"' not in text, page
    for style in tmp_path.rglob("*.css"):
        assert not re.search(r"url\([\"']?(https?:)?//", style.read_text()), style


def test_what_is_loaded_from_elsewhere_would_be_seen():
    assert LOADED.search('<script async src="https://counter.example/a.js">')
    assert LOADED.search('<link rel="stylesheet" href="https://fonts.example/css">')
    assert not LOADED.search('<a href="https://docs.astral.sh/uv/"><link rel="stylesheet" href="../a.css">')
