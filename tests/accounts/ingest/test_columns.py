import pytest

from accounts.ingest.columns import COLUMNS, METRICS, column_for, fold, is_source_score
from accounts.models import Account, LifecycleStage, SizeSegment
from scoring.metrics.catalogue import CATALOGUE


@pytest.mark.parametrize(
    ("header", "target"),
    [
        ("account_id", "external_id"),
        ("Account ID", "external_id"),
        ("ACCOUNTID", "external_id"),
        ("\ufeffaccount-id ", "external_id"),
        ("account_name", "name"),
        ("industry_normalized", "industry"),
        ("account_size_segment", "size_segment"),
        ("employees", "metric:number_of_employees"),
        ("Total Contacts", "metric:total_contacts"),
        ("snapshot_date", "as_of"),
        ("CSM", "owner"),
        ("Renewal date", "renewal_on"),
    ],
)
def test_a_header_is_recognised_without_case_spaces_and_punctuation(header, target):
    assert column_for(header).target == target


def test_no_two_columns_share_a_spelling():
    spellings = [
        fold(spelling)
        for column in COLUMNS.values()
        for spelling in {fold(s) for s in (column.target.removeprefix("metric:"), *column.aliases)}
    ]
    assert sorted(spellings) == sorted(set(spellings))


@pytest.mark.parametrize(
    "header",
    [
        "customer_health_score",
        "churn_risk_level",
        "health_score",
        "Health Score",
        "health",
        "risk",
        "Risk Level",
        "account_health",
        "churn_probability",
        "churn risk",
        "overall_health_status",
    ],
)
def test_the_sources_own_score_is_recognised(header):
    assert is_source_score(header)


def test_no_column_of_ours_is_taken_for_a_score_of_the_source():
    ours = [s for c in COLUMNS.values() for s in (c.target.removeprefix("metric:"), *c.aliases)]
    assert [spelling for spelling in ours if is_source_score(spelling)] == []


def test_metrics_are_those_of_the_catalogue():
    assert {column.field for column in METRICS} <= set(CATALOGUE)
    reported_only = {key for key, metric in CATALOGUE.items() if not metric.is_derived}
    attributes = {"size_segment", "tenure_days"}
    assert reported_only - attributes <= {column.field for column in METRICS}


def test_metrics_are_of_the_catalogues_kind():
    assert {c.field: str(c.kind) for c in METRICS} == {
        c.field: CATALOGUE[c.field].kind for c in METRICS
    }


def test_attributes_are_fields_of_the_account():
    names = {field.attname for field in Account._meta.concrete_fields}
    not_kept = {"as_of", "merged_ids"}
    assert {c.field for c in COLUMNS.values() if not c.is_metric} - not_kept <= names


def test_accepted_categories_are_those_of_the_model():
    assert COLUMNS["size_segment"].accepted == [v for v in SizeSegment.values if v]
    assert COLUMNS["lifecycle_stage"].accepted == [v for v in LifecycleStage.values if v]
