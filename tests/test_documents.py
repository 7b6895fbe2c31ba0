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
SETTINGS = (ROOT / "csm" / "settings.py", *(ROOT / "csm" / "conf").glob("*.py"))
# env.str("NAME", …), and what processes and compose read.
VARIABLE = re.compile(r'(?:env\.\w+\(\s*|environ\.get\()"([A-Z_]+)"')
COMPOSED = re.compile(r"\$\{([A-Z_]+)")
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


def test_every_variable_is_explained_and_there_to_copy() -> None:
    read = {name for path in SETTINGS for name in VARIABLE.findall(path.read_text("utf-8"))}
    deploy = ROOT / "deploy"
    for name in ("compose.yml", "Procfile"):
        read |= set(COMPOSED.findall((deploy / name).read_text("utf-8")))
    read |= set(VARIABLE.findall((deploy / "gunicorn.conf.py").read_text("utf-8")))
    assert {"SECRET_KEY", "OIDC_ISSUER", "DATABASE_POOL", "WEB_BIND", "CSM_HOST"} <= read
    # Where several may stand in a row, one word each.
    explained = set(re.findall(r"[A-Z_]{4,}", (ROOT / "docs" / "operations.md").read_text("utf-8")))
    to_copy = set(re.findall(r"^#?([A-Z_]+)=", (ROOT / ".env.example").read_text("utf-8"), re.M))
    # Found out by itself, and another way to say WEB_BIND.
    needless = {"CSM_PROCESS", "PORT"}
    assert sorted(read - explained - {"PORT"}) == []
    assert sorted(read - to_copy - needless) == []
