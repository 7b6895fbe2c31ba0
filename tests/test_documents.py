"""Documents lead somewhere: every link inside the repository has a file, every picture a document."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = [
    *ROOT.glob("*.md"),
    *ROOT.glob("docs/**/*.md"),
    *(ROOT / app / "README.md" for app in ("scoring", "playbooks")),
]
LINK = re.compile(r"\]\(([^)#\s]+)[^)]*\)")


def linked(document: Path) -> list[Path]:
    text = document.read_text(encoding="utf-8")
    return [
        (document.parent / target).resolve()
        for target in LINK.findall(text)
        if "://" not in target and not target.startswith("mailto:")
    ]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_to_files(document: Path) -> None:
    assert [str(path) for path in linked(document) if not path.exists()] == []


def test_every_picture_is_shown_or_listed() -> None:
    shown = {path for document in DOCUMENTS for path in linked(document)}
    pictures = set((ROOT / "docs" / "screenshots").resolve().glob("*.png"))
    assert sorted(path.name for path in pictures - shown) == []
