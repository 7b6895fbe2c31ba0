from accounts.models.account import Account, LifecycleStage, SizeSegment
from accounts.models.activity import Activity, ActivityKind, Direction, Outcome
from accounts.models.api import IdempotentRequest
from accounts.models.audit import AuditEvent
from accounts.models.changed_account import ChangedAccount
from accounts.models.contact import Contact, ContactState
from accounts.models.event import Event, EventRule, EventUser, WriteKey
from accounts.models.fact import Fact
from accounts.models.goal import Goal, GoalKind, GoalProgress
from accounts.models.held import HeldRow
from accounts.models.history import AccountAlias, CustomField, LifecycleEvent, OwnerPeriod
from accounts.models.import_run import ImportChange, ImportRun
from accounts.models.invoice import Invoice, Payment
from accounts.models.mapping import SavedMapping
from accounts.models.metric_definition import MetricDefinition
from accounts.models.opportunity import DealKind, DealStatus, Opportunity, OpportunityState
from accounts.models.reading import Reading
from accounts.models.subscription import ChangeKind, Subscription, SubscriptionEvent
from accounts.models.survey import Survey, SurveyKind
from accounts.models.team import Team
from accounts.models.ticket import Severity, Ticket
from accounts.models.trust import (
    FeedDay,
    Freeze,
    LookAlike,
    Merge,
    NotADuplicate,
    Source,
    Watermark,
)
from accounts.models.usage import Aggregate, Feature, FeatureUse, Usage, UsageMeasure

__all__ = [
    "Account",
    "AccountAlias",
    "Activity",
    "ActivityKind",
    "Aggregate",
    "AuditEvent",
    "ChangeKind",
    "ChangedAccount",
    "Contact",
    "ContactState",
    "CustomField",
    "DealKind",
    "DealStatus",
    "Direction",
    "Event",
    "EventRule",
    "EventUser",
    "Fact",
    "Feature",
    "FeatureUse",
    "FeedDay",
    "Freeze",
    "Goal",
    "GoalKind",
    "GoalProgress",
    "HeldRow",
    "IdempotentRequest",
    "ImportChange",
    "ImportRun",
    "Invoice",
    "LifecycleEvent",
    "LifecycleStage",
    "LookAlike",
    "Merge",
    "MetricDefinition",
    "NotADuplicate",
    "Opportunity",
    "OpportunityState",
    "Outcome",
    "OwnerPeriod",
    "Payment",
    "Reading",
    "SavedMapping",
    "Severity",
    "SizeSegment",
    "Source",
    "Subscription",
    "SubscriptionEvent",
    "Survey",
    "SurveyKind",
    "Team",
    "Ticket",
    "Usage",
    "UsageMeasure",
    "Watermark",
    "WriteKey",
]
