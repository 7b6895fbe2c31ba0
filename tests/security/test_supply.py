"""What we depend on and what lies in the repository."""

import importlib.util
import json
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def audit():
    spec = importlib.util.spec_from_file_location("audit", ROOT / ".ci" / "audit.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


REPORT = json.dumps(
    {
        "dependencies": [
            {"name": "good", "version": "1", "vulns": []},
            {
                "name": "bad",
                "version": "2",
                "vulns": [{"id": "PYSEC-1", "aliases": ["CVE-1"], "fix_versions": ["3"]}],
            },
        ]
    }
)


def test_a_known_fault_fails_unless_somebody_answered_for_it(audit):
    assert audit.judge(REPORT, {}) == (["bad 2: PYSEC-1, mended in 3"], [])
    assert audit.judge(REPORT, {"CVE-1": "not called"}) == ([], [])
    faults, stale = audit.judge(REPORT, {"CVE-1": "not called", "CVE-9": "old"})
    assert (faults, len(stale)) == ([], 1)


def test_a_reason_is_asked_for(audit):
    assert audit.lived_with("# a comment\n\nCVE-1  not called\n") == {"CVE-1": "not called"}
    with pytest.raises(SystemExit):
        audit.lived_with("CVE-1\n")


def test_the_lines_in_the_repository_have_reasons(audit):
    audit.lived_with((ROOT / "requirements" / "audit-ignore.txt").read_text())


def test_every_requirement_is_pinned_with_its_hash():
    text = (ROOT / "requirements" / "base.txt").read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.lstrip().startswith("#")]
    assert len(lines) > 40
    assert not [line for line in lines if "==" not in line or "--hash=sha256:" not in line]


# Begin as the keys of well-known services and of ours do.
SECRETS = re.compile(
    r"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----"
    r"|\bAKIA[0-9A-Z]{16}\b"
    r"|\bgh[pousr]_[A-Za-z0-9]{36}\b"
    r"|\bxox[abpr]-[A-Za-z0-9-]{20,}"
    r"|\bcsm_[0-9a-f]{60,}\b"
    r"|\bwk_[A-Za-z0-9_-]{32}\b"
    r"|hooks\.slack\.com/services/T[A-Z0-9]{8,}/"
    r"|(?m:^SECRET_KEY\s*=\s*[\"']?\S{20,})"
    r"|https://[0-9a-f]{32}@[^\s]*sentry"
)


def test_no_secret_is_committed():
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listed.returncode:
        pytest.skip("no repository here: what would be committed is not known")
    found = []
    names = listed.stdout.split("\0")
    assert ".env" not in names
    for name in names:
        path = ROOT / name
        if not path.is_file() or path.suffix in {".png", ".woff2", ".ico"}:
            continue
        text = path.read_bytes()[: 2 << 20].decode("utf-8", "replace")
        found += [(name, each[:12]) for each in SECRETS.findall(text)]
    assert not found


@pytest.mark.parametrize("secret", ["csm_" + "0a" * 32, "wk_" + "A" * 32, "AKIA" + "A" * 16])
def test_the_scan_finds_what_it_looks_for(secret):
    assert SECRETS.search(f"KEY = '{secret}'")
