"""Known faults of what we depend on: fails on one nobody answered for, says so when nobody could be asked.

Reads `requirements/base.txt`, where every version is pinned with its hashes, and `requirements/
audit-ignore.txt`: a line for each fault we live with, `<id>  <why>`.
"""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
_PATIENCE = 300  # seconds
# Of pip-audit's: what it says when the network, not a package, is at fault.
_UNREACHED = ("ConnectionError", "ServiceError", "Max retries", "timed out", "HTTPError", "Proxy")


def lived_with(text: str) -> dict[str, str]:
    """Reasons by id. Raises SystemExit for a line without one."""
    found = {}
    for line in text.splitlines():
        said = line.split("#")[0].strip()
        if not said:
            continue
        name, _, why = said.partition(" ")
        if not why.strip():
            raise SystemExit(f"requirements/audit-ignore.txt: {name} has no reason.")
        found[name] = why.strip()
    return found


def judge(report: str, reasons: dict[str, str]) -> tuple[list[str], list[str]]:
    """Faults nobody answered for, and reasons nobody needs any more, in sentences."""
    faults, met = [], set()
    for package in json.loads(report)["dependencies"]:
        for fault in package.get("vulns", []):
            names = {fault["id"], *fault.get("aliases", [])}
            met |= names & set(reasons)
            if not names & set(reasons):
                mended = ", ".join(fault.get("fix_versions", [])) or "nothing yet"
                faults.append(
                    f"{package['name']} {package['version']}: {fault['id']}, mended in {mended}"
                )
    return faults, [f"{name} is not needed any more: remove it" for name in set(reasons) - met]


def main() -> int:
    """0: nothing known, or nobody to ask; 1: a fault to mend."""
    ignore = ROOT / "requirements" / "audit-ignore.txt"
    reasons = lived_with(ignore.read_text(encoding="utf-8"))
    command = [sys.executable, "-m", "pip_audit", "--requirement", "requirements/base.txt"]
    command += [
        "--disable-pip",
        "--require-hashes",
        "--format",
        "json",
        "--progress-spinner",
        "off",
    ]
    try:
        ran = subprocess.run(  # noqa: S603
            command, cwd=ROOT, capture_output=True, text=True, timeout=_PATIENCE, check=False
        )
        trouble, report = ran.stderr, ran.stdout
    except subprocess.TimeoutExpired:
        trouble, report = "timed out", ""
    if not report.strip().startswith("{"):
        if any(sign in trouble for sign in _UNREACHED):
            last = trouble.strip().splitlines()[-1][:200]
            print(f"NOT AUDITED: the advisory service could not be reached ({last}).")  # noqa: T201
            return 0
        print(trouble, file=sys.stderr)  # noqa: T201
        return 1
    faults, stale = judge(report, reasons)
    for line in [*faults, *stale]:
        print(line)  # noqa: T201
    print(f"Audited: {len(faults)} known faults to mend, {len(reasons)} lived with.")  # noqa: T201
    return 1 if faults or stale else 0


if __name__ == "__main__":
    raise SystemExit(main())
