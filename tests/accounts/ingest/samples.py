"""Real export files, which are not part of the repository; tests that need them are skipped without."""

from pathlib import Path

import pytest

_FOLDER = Path(__file__).resolve().parents[4] / "shared/data"


def _of(folder):
    def path(name):
        found = _FOLDER / folder / name
        if not found.exists():
            pytest.skip(f"{name} is not here")
        return found

    return path


HUBSPOT = _of("hubspot")
SALESFORCE = _of("salesforce-dataloader")
