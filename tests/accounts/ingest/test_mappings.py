import pytest

from accounts.ingest.errors import AmbiguousColumns, MappingFault, MissingColumn
from accounts.ingest.mappings import Mapping, lay_out, read_mapping


def targets(header, mapping=None, feed="account_metrics"):
    layout = lay_out(header.split(","), mapping or Mapping(), feed=feed)
    return {place.header: place.column.target for place in layout.places}, layout


def test_a_mapping_file_says_what_the_generic_one_cannot(write):
    path = write(
        """
        feed: account_metrics
        source: billing
        columns:
          Customer No: external_id
          Offene Summe: metric:current_pipeline_amount
          Employees: ignore
        values:
          size_segment: {KEY-A: Enterprise, "-": ""}
        delimiter: semicolon
        encoding: windows-1252
        date_order: dmy
        decimal: ","
        """,
        "billing.yaml",
    )
    mapping = read_mapping(path, feed="account_metrics")
    assert (mapping.source, mapping.delimiter, mapping.date_order) == ("billing", ";", "dmy")
    assert mapping.decimal_comma
    assert mapping.values == {"size_segment": {"key-a": "Enterprise", "-": ""}}
    found, layout = targets("customer_no,Offene Summe,employees,account_id,Name", mapping)
    assert found == {
        "customer_no": "external_id",
        "Offene Summe": "metric:current_pipeline_amount",
        "Name": "name",
    }
    assert layout.ignored == ("employees",)
    # What the mapping says of the key leaves nothing to the alias.
    assert layout.unmapped == ("account_id",)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("columns: {Key: external_idd}", "did you mean external_id?"),
        ("columns: {Key: total_contacts}", "did you mean metric:total_contacts?"),
        ("columns: {Key: account_name}", "did you mean name?"),
        ("columns: {Key: metric:total_contact}", "did you mean metric:total_contacts?"),
        ("columns: {A: name, B: name}", "both mapped to name"),
        ("columns: {A b: name, a_b: industry}", "same header"),
        ("columns: {health_score: metric:csat_score}", "never an input"),
        ("columns: {true: name}", "quotes around true"),
        ("columns: [a, b]", "columns must list"),
        ("colums: {}", "did you mean columns?"),
        ("feed: accounts", "for the feed 'accounts'"),
        ("values: {size_segment: {X: Huge}}", "Accepted: Enterprise"),
        ("values: {sizesegment: {X: Large}}", "did you mean size_segment?"),
        ("values: 3", "values must list"),
        ("delimiter: ':'", "delimiter ':' must be one of"),
        ("delimiter: 3", "delimiter 3 must be"),
        ("encoding: klingon", "encoding 'klingon' is unknown"),
        ("encoding: base64", "encoding 'base64' is unknown"),
        ("date_order: ymd", "must be dmy or mdy"),
        ("decimal: ;", "decimal"),
        ("source: ''", "source"),
        ("- a\n- b", "must have the keys"),
        ("", "must have the keys"),
        ("columns: {a: b", "not valid YAML"),
        ("a: !!python/object:os.system x", "not valid YAML"),
    ],
)
def test_a_bad_mapping_is_refused_with_a_hint(write, text, fault):
    with pytest.raises(MappingFault) as caught:
        read_mapping(write(text, "m.yaml"), feed="account_metrics")
    assert fault in str(caught.value)


def test_all_faults_of_a_mapping_are_listed(write):
    text = "columns: {A: nam, B: industy}\ndate_order: x\n"
    with pytest.raises(MappingFault) as caught:
        read_mapping(write(text, "m.yaml"), feed="accounts")
    assert len(caught.value.faults) == 3


def test_an_unknown_mapping_is_refused():
    with pytest.raises(MappingFault, match="no mapping and no file"):
        read_mapping("sapforce", feed="accounts")


def test_a_mapping_that_is_no_text_is_refused(write):
    with pytest.raises(MappingFault, match="not UTF-8"):
        read_mapping(write(b"\xff\xfe\x00", "m.yaml"), feed="accounts")


def test_unmapped_columns_and_the_sources_own_scores_are_listed():
    found, layout = targets("id,name,,favourite colour,health_score,churn_risk_level,nps")
    assert found == {"id": "external_id", "name": "name", "nps": "metric:nps_score"}
    assert layout.unmapped == ("(column 3 has no header)", "favourite colour")
    assert layout.source_scores == ("health_score", "churn_risk_level")


def test_two_headers_for_one_column_are_refused():
    with pytest.raises(AmbiguousColumns, match="'account_id' and 'ID' both mean external_id"):
        targets("account_id,ID,name,nps")


def test_a_missing_key_names_what_was_seen_and_what_is_accepted():
    with pytest.raises(MissingColumn) as caught:
        targets("kunde,name,nps")
    assert "kunde, name, nps" in str(caught.value)
    assert "account_id" in str(caught.value)


def test_a_missing_key_does_not_read_out_a_thousand_headers():
    with pytest.raises(MissingColumn, match="and 970 more"):
        targets(",".join(f"c{i}" for i in range(1000)))


@pytest.mark.parametrize(
    ("feed", "header"), [("account_metrics", "id,name,industry"), ("accounts", "id,date,nps_x")]
)
def test_a_feed_needs_something_of_its_kind(feed, header):
    with pytest.raises(MissingColumn):
        targets(header, feed=feed)


def test_a_header_of_the_mapping_that_the_file_lacks_is_a_warning(write):
    path = write("columns: {Branche: industry}", "m.yaml")
    _, layout = targets("id,name,nps", read_mapping(path, feed="accounts"))
    assert layout.warnings == ("The mapping names 'Branche', which the file does not have.",)
