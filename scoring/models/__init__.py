from scoring.models.health import AccountHealth, BandChange, DailyRollup, NightTotal
from scoring.models.metric_profile import MetricProfile
from scoring.models.run import ScoreRun, ScoreShard
from scoring.models.scorecard import Band, Cap, Component, Measure, Scorecard, ScorecardVersion
from scoring.models.snapshot import Snapshot

__all__ = [
    "AccountHealth",
    "Band",
    "BandChange",
    "Cap",
    "Component",
    "DailyRollup",
    "Measure",
    "MetricProfile",
    "NightTotal",
    "ScoreRun",
    "ScoreShard",
    "Scorecard",
    "ScorecardVersion",
    "Snapshot",
]
