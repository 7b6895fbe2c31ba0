"""The bench runs and says what it measured; how fast is for a quiet machine, never for a test."""

import json
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command


def test_a_small_bench_writes_every_figure(tmp_path: Path) -> None:
    out = tmp_path / "bench.json"
    call_command("bench", accounts=200, nights=1, requests=2, months=1, json=str(out))
    found = json.loads(out.read_text())
    assert found.keys() == {
        "accounts",
        "measured_at",
        "commit",
        "versions",
        "machine",
        "night",
        "pages",
        "events",
        "triggers",
        "triggers_from_facts",
        "targets",
        "peak_rss_mb",
    }
    assert found["night"].keys() == {
        "frame_read",
        "pack_and_statistics",
        "merge_statistics",
        "scoring",
        "publish",
        "whole_night",
    }
    assert found["pages"].keys() == {"bare", "portfolio", "at_risk", "home", "insights"}
    for page in found["pages"].values():
        assert page.keys() == {"p50_ms", "p95_ms", "ratio_p50", "ratio_p95", "queries", "requests"}
        assert page["queries"] >= 2  # session and user
    assert found["triggers"]["triggers"] == 28
    assert found["triggers"]["first_night"]["opened"] > 0
    assert found["triggers"]["every_night"]["opened"] == 0
    assert found["triggers_from_facts"]["first_night"]["opened"] > 0
    for target in found["targets"].values():
        assert target.keys() == {"target", "reached", "met"}
    assert found["accounts"] == 200


def test_numbers_must_make_sense() -> None:
    with pytest.raises(CommandError, match="--accounts must be at least 1"):
        call_command("bench", accounts=0)
