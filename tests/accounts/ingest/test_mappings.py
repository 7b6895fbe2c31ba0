import pytest

from accounts.ingest.errors import (
    AmbiguousColumns,
    AmbiguousDates,
    MappingFault,
    MissingColumn,
    UnreadableFile,
)
from accounts.ingest.mappings import Mapping, feeds_of, lay_out, read_mapping, shipped, spec_for
from accounts.ingest.parsers import inspect
from accounts.ingest.prepared import ready


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


SEVERAL = """
source: crm
lenient: [owner]
skip_if: {Deleted: yes}
feeds:
  accounts:
    headers: {external_id: [Ref, Key], owner: Boss}
    ids: salesforce
  tickets:
    source: desk
    columns: {Raised: on}
    headers: {account_id: [Ref], external_id: [No]}
    skip_if: {Region: [Test, ""]}
    set: {severity: low}
"""


def test_one_file_serves_several_feeds(write):
    path = write(SEVERAL, "several.yaml")
    accounts = read_mapping(path, feed="accounts")
    assert (accounts.source, accounts.salesforce_ids) == ("crm", {""})
    found, layout = targets("key,ref,boss,name", accounts, feed="accounts")
    # The first name listed is the one that counts.
    assert found == {"ref": "external_id", "boss": "owner", "name": "name"}
    assert layout.place_of("external_id").style.salesforce
    assert layout.place_of("owner").style.lenient
    with pytest.raises(MappingFault, match="no section for 'surveys', only for accounts, tickets"):
        read_mapping(path, feed="surveys")
    with pytest.raises(MappingFault, match="unknown column 'on'"):
        read_mapping(path, feed="tickets")
    tickets = read_mapping(write(SEVERAL.replace(": on", ": opened_on"), "s.yaml"), feed="tickets")
    assert tickets.source == "desk"
    assert tickets.skip_if == {"Deleted": (True,), "Region": ("test", "")}
    assert tickets.constants == {"severity": "low"}
    assert feeds_of(path) == ("accounts", "tickets")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("headers: {subjct: [A]}", "unknown column 'subjct'; did you mean subject?"),
        ("headers: {subject: [health score]}", "never an input"),
        ("headers: [a]", "headers must list"),
        ("set: {severity: huge}", "Accepted: critical, high, normal, low"),
        ("set: {escalated: perhaps}", "neither yes nor no"),
        ("set: {subject: [a, b]}", "must have a value"),
        ("values: {escalated: {gone: maybe}}", "neither yes nor no"),
        ("join: {file: a.csv}", "must have file, on and take"),
        ("join: {file: a.csv, on: {a: b}, take: {c: accountid}}", "did you mean account_id?"),
        ("join: {file: a.csv, on: {a: b, c: d}, take: {c: subject}}", "one header of each"),
        ("join: {file: a.csv, on: {a: b}, take: {c: subject}, tke: 1}", "did you mean take?"),
        ("ids: hubspot", "ids 'hubspot' must be salesforce"),
        ("ids: {subject: salesforce}", "no column this can be said of"),
        ("unit: {subject: cents}", "no column this can be said of"),
        ("unit: pennies", "must be one of cents, thousands, millions, percent"),
        ("date_order: {opened_on: ydm}", "must be dmy or mdy"),
        ("lenient: [sverity]", "did you mean severity?"),
        ("account_source: 3", "account_source 3 must be a name"),
        ("feeds: {ticket: {}}", "did you mean tickets?"),
        ("feeds: [tickets]", "feeds must list"),
        ("{feed: tickets, feeds: {tickets: {}}}", "keep one of them"),
    ],
)
def test_what_a_mapping_says_wrongly_is_told_with_a_hint(write, text, fault):
    with pytest.raises(MappingFault) as caught:
        read_mapping(write(text, "m.yaml"), feed="tickets")
    assert fault in str(caught.value)


@pytest.mark.parametrize("name", [name for name in shipped() if name != "generic"])
def test_the_mappings_that_ship_are_right_for_every_feed_they_serve(name):
    for feed in feeds_of(name):
        mapping = read_mapping(name, feed=feed)
        assert mapping.source == name
        assert read_mapping(spec_for(name, feed), feed=feed).spellings == mapping.spellings


def test_a_mapping_states_scales_and_orders_per_column():
    spec = {"unit": {"amount": "cents"}, "date_order": {"opened_on": "mdy"}, "join": None}
    mapping = read_mapping(spec, feed="opportunities")
    header = "id,account_id,amount,opened_on,closed_on"
    _, layout = targets(header, mapping, feed="opportunities")
    assert layout.place_of("amount").style.unit == "cents"
    assert layout.place_of("opened_on").style.date_order == "mdy"
    assert layout.place_of("closed_on").style.date_order is None


def test_orders_are_found_per_column_over_all_rows(write):
    rows = "".join(f"{n},A,03/04/2026,04/03/2026\n" for n in range(500))
    path = write(f"id,account_id,opened,closed_on\n{rows}500,A,25/04/2026,04/25/2026\n")
    table, layout = ready(inspect(path), Mapping(), feed="tickets")
    with table:
        assert len(list(table)) == 501
    orders = {place.column.target: place.style.date_order for place in layout.places}
    assert (orders["opened_on"], orders["closed_on"]) == ("dmy", "mdy")


def test_an_order_nobody_tells_is_asked_for(write):
    path = write("id,account_id,opened\n1,A,03/04/2026\n2,A,2026-01-01\n")
    with pytest.raises(AmbiguousDates, match=r"'opened' \(03/04/2026\).*--date-order dmy"):
        ready(inspect(path), Mapping(), feed="tickets")
    table, _ = ready(inspect(path), Mapping(date_order="mdy"), feed="tickets")
    with table:
        assert len(list(table)) == 2


def test_a_joined_file_without_its_column_is_refused(write):
    write("a,b\n1,2\n", "links.csv")
    spec = {"join": {"file": "links.csv", "on": {"no": "id"}, "take": {"b": "account_id"}}}
    mapping = read_mapping(spec, feed="tickets")
    path = write("id,opened\n1,2026-01-01\n", "tickets.csv")
    with pytest.raises(UnreadableFile, match=r"links.csv: has no column 'no'"):
        ready(inspect(path), mapping, feed="tickets")
    with pytest.raises(MissingColumn, match="--with links=FILE"):
        ready(inspect(_alone(path)), mapping, feed="tickets")


def _alone(path):
    folder = path.parent / "alone"
    folder.mkdir()
    return path.rename(folder / path.name)


def test_constants_fill_blanks_of_named_columns_and_replace_guessed_ones(write):
    text = "id,account_id,opened,priority,Area\n1,A,2026-01-01,high,\n2,A,2026-01-01,low,Login\n"
    spec = {"columns": {"Area": "category"}, "set": {"severity": "normal", "category": "Other"}}
    table, layout = ready(inspect(write(text)), read_mapping(spec, feed="tickets"), feed="tickets")
    with table:
        rows = list(table)
    at = {place.column.target: place.index for place in layout.places}
    assert [row.cells[at["severity"]] for row in rows] == ["normal", "normal"]
    assert [row.cells[at["category"]] for row in rows] == ["Other", "Login"]
