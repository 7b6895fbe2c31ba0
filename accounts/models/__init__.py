from accounts.models.account import Account, LifecycleStage, SizeSegment
from accounts.models.export_log import ExportLog
from accounts.models.import_run import ImportChange, ImportRun
from accounts.models.reading import Reading
from accounts.models.team import Team

__all__ = [
    "Account",
    "ExportLog",
    "ImportChange",
    "ImportRun",
    "LifecycleStage",
    "Reading",
    "SizeSegment",
    "Team",
]
