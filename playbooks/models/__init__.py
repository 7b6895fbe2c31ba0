from playbooks.models.alert import Alert, AlertChange, TriggerNight
from playbooks.models.attention import AccountWork, CalendarFeed, Policy
from playbooks.models.clock import BusinessCalendar, Clock, ClockRule, Escalation, Holiday
from playbooks.models.effect import EffectReport
from playbooks.models.intervention import (
    Intervention,
    InterventionChange,
    InterventionKpi,
    InterventionTask,
    Risk,
    ShareLink,
)
from playbooks.models.note import Note, NoteFile
from playbooks.models.notice import Delivery, Notice, NoticeSetting, Webhook
from playbooks.models.playbook import (
    Playbook,
    PlaybookKpi,
    PlaybookStep,
    PlaybookVersion,
    RoleHolder,
    StepRole,
    TargetKind,
)
from playbooks.models.team import Absence, Assignment, Handover
from playbooks.models.trigger import Replay, Severity, Trigger, TriggerChange

__all__ = [
    "Absence",
    "AccountWork",
    "Alert",
    "AlertChange",
    "Assignment",
    "BusinessCalendar",
    "CalendarFeed",
    "Clock",
    "ClockRule",
    "Delivery",
    "EffectReport",
    "Escalation",
    "Handover",
    "Holiday",
    "Intervention",
    "InterventionChange",
    "InterventionKpi",
    "InterventionTask",
    "Note",
    "NoteFile",
    "Notice",
    "NoticeSetting",
    "Playbook",
    "PlaybookKpi",
    "PlaybookStep",
    "PlaybookVersion",
    "Policy",
    "Replay",
    "Risk",
    "RoleHolder",
    "Severity",
    "ShareLink",
    "StepRole",
    "TargetKind",
    "Trigger",
    "TriggerChange",
    "TriggerNight",
    "Webhook",
]
