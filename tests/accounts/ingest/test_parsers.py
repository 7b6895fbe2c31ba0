import tracemalloc

import pytest

from accounts.ingest.errors import UnreadableFile
from accounts.ingest.parsers import Table, inspect

TEXT = 'id;name\n1;"Müller; ""Söhne"""\n2;"two\nlines"\n3;Łódź\n'


def records(path, **options):
    with Table(inspect(path), **options) as table:
        return list(table)


@pytest.mark.parametrize(
    ("encoding", "bom", "found"),
    [
        ("utf-8", b"", "utf-8"),
        ("utf-8", b"\xef\xbb\xbf", "utf-8-sig"),
        ("utf-16-le", b"\xff\xfe", "utf-16"),
        ("utf-16-be", b"\xfe\xff", "utf-16"),
        ("utf-16-le", b"", "utf-16-le"),
        ("utf-16-be", b"", "utf-16-be"),
        ("cp1252", b"", "cp1252"),
    ],
)
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_encodings_and_line_ends(write, encoding, bom, found, line_end):
    text = TEXT.replace("Łódź", "Łódź" if encoding != "cp1252" else "Orléans")
    path = write(bom + text.replace("\n", line_end).encode(encoding))
    with Table(inspect(path)) as table:
        assert table.source.encoding == found
        assert table.header == ["id", "name"]
        cells = [record.cells for record in table]
    assert cells[0] == ["1", 'Müller; "Söhne"']
    assert cells[1] == ["2", f"two{line_end}lines"]
    assert cells[2][1] in {"Łódź", "Orléans"}


def test_a_late_character_decides_the_encoding_too(write):
    path = write(b"id,name\n" + b"1,abc\n" * 200_000 + b"2,Orl\xe9ans\n")
    assert inspect(path).encoding == "cp1252"


def test_one_broken_byte_does_not_make_utf8_another_encoding(write):
    path = write("id,name\n1,Müller\n2,Łódź\n".encode() + b"3,Orl\xe9ans\n")
    assert inspect(path).encoding == "utf-8"


def test_a_file_cut_inside_a_character_stays_utf8(write):
    assert inspect(write("id,name\n1,Mü".encode()[:-1])).encoding == "utf-8"


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found(write, delimiter):
    rows = [["id", "name", "note"], ["1", "A", "x"], ["2", '"B, C; D | E"', "y"]]
    path = write("\n".join(delimiter.join(row) for row in rows))
    with Table(inspect(path)) as table:
        assert table.delimiter == delimiter
        assert [len(record.cells) for record in table] == [3, 3]


def test_excels_hint_names_the_delimiter(write):
    with Table(inspect(write("sep=;\nid;a,b\n1;2\n"))) as table:
        assert table.header == ["id", "a,b"]
        assert [r.number for r in table] == [2]


def test_rows_count_like_a_spreadsheet_and_blank_ones_count_too(write):
    found = records(write('id,name\n1,A\n\n2,"two\nlines"\n,\n3,C\n'))
    assert [r.number for r in found if r.cells[0]] == [2, 4, 6]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is empty"),
        (b"\n\n \n", "is empty"),
        (b"\xef\xbb\xbf", "is empty"),
        (b",,,\n", "is empty"),
        (bytes(range(256)) * 20, "binary"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00", "binary"),
        (b"PK\x03\x04\x14\x00\x06\x00", "Excel workbook"),
        (b"%PDF-1.7\nsomething", "PDF"),
        (b'id,"name\n1,A\n', "never closed"),
    ],
)
def test_what_is_no_table_is_refused(write, content, reason):
    with pytest.raises(UnreadableFile, match=reason):
        Table(inspect(write(content)))


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(UnreadableFile, match="cannot be read"):
        inspect(tmp_path / "absent.csv")


@pytest.mark.parametrize(
    ("tail", "reason"),
    [
        ("3", "cut off"),
        ("3,C", "cut off"),
        ('3,"C', "never closed"),
        ('3,C,"x', "never closed"),
        ("3,C,x,y\n", "has 4 cells where the header has 3"),
        ('3,"C"x,y\n', "after a closing quote"),
    ],
)
def test_a_broken_record_is_told_apart(write, tail, reason):
    *good, bad = records(write(f"id,name,note\n1,A,x\n2,B,y\n{tail}"))
    assert [r.cells for r in good] == [["1", "A", "x"], ["2", "B", "y"]]
    assert bad.number == 4
    assert reason in bad.fault
    assert bad.remedy


def test_a_quote_left_open_costs_its_own_row_only(write):
    found = records(write('id,name\n1,A\n2,"B\n3,C\n4,"D"\n5,E\n'))
    assert [r.cells[0] for r in found if not r.fault] == ["1", "3", "4", "5"]
    assert [(r.number, r.cells[0]) for r in found if r.fault] == [(3, "2")]


def test_a_quote_left_open_does_not_swallow_a_large_file(write):
    path = write('id,name\n1,"A\n' + "2,B\n" * 500_000)
    source = inspect(path)
    tracemalloc.start()
    with Table(source) as table:
        good = sum(not record.fault for record in table)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert good == 500_000
    assert peak < 30_000_000


def test_a_line_without_end_is_not_held_in_memory(write):
    path = write("id,name\n1,A\n2," + "x" * 30_000_000 + "\n3,C\n")
    source = inspect(path)
    tracemalloc.start()
    with Table(source) as table:
        found = list(table)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [bool(r.fault) for r in found] == [False, True, False]
    assert peak < 40_000_000


def test_a_named_delimiter_wins(write):
    with Table(inspect(write("a,b;c\n1,2;3\n")), delimiter=";") as table:
        assert table.header == ["a,b", "c"]


@pytest.mark.parametrize("bom", [True, False])
@pytest.mark.parametrize("order", ["le", "be"])
def test_utf32_is_found_with_and_without_its_mark(write, order, bom):
    mark = "\ufeff" if bom else ""
    path = write((mark + TEXT).encode(f"utf-32-{order}"))
    with Table(inspect(path)) as table:
        assert table.header == ["id", "name"]
        assert [record.cells[0] for record in table] == ["1", "2", "3"]


TITLES = 'Accounts by region\n"As of 2026-11-20 8:15; by Anna"\n\n'
FOOTERS = (
    "\n\n"
    '"Grand Totals (2 records)"\n'
    '"Confidential Information - Do Not Distribute"\n'
    '"Generated by Anna"\n'
    '"Copyright (c) 2000-2026 salesforce.com, inc. All rights reserved."\n'
)


def test_a_reports_titles_and_footers_are_passed_over_with_a_notice(write):
    path = write(f"{TITLES}id,name,amount\n1,A,5\n2,B,6\n{FOOTERS}")
    with Table(inspect(path)) as table:
        assert table.header == ["id", "name", "amount"]
        found = list(table)
    assert [(r.number, r.cells[0], r.fault) for r in found] == [(5, "1", ""), (6, "2", "")]
    above, below = table.notices
    assert above.startswith("Rows 1 to 3 are above the header")
    assert below.startswith("4 lines of the report's footer skipped, the first is row 9")


@pytest.mark.parametrize(
    "footer",
    [
        "Grand Totals (2 records),,\n",
        "Grand Totals (2 records)\n",
        "\nTotal,,11\n",
        "Total,,11",
        '"",Total,"1,234.50"',
        "\n\nOwner report\nSome Company\nConfidential Information\n",
        "(2 records)\n",
        "\nCopyright © 2026 Somebody\nfooter of their own\n",
    ],
)
def test_footers_of_other_shapes(write, footer):
    with Table(inspect(write(f"id,name,amount\n1,A,5\n2,B,6\n{footer}"))) as table:
        assert [r.cells[0] for r in table] == ["1", "2"]
        assert len(table.notices) == 1


@pytest.mark.parametrize(
    "row",
    [
        "Total,France,7",
        "Total,,",
        "Confidential Records,US,8",
        "7,Total,",
        "Copyright Clearance,,",
        "Grand Totals Ltd,x,",
        "2 records,shop,5",
    ],
)
def test_a_customer_whose_name_reads_like_a_footer_stays(write, row):
    found = records(write(f"id,name,amount\n1,A,5\n{row}\n2,B,6\n"))
    assert [r.number for r in found] == [2, 3, 4]


def test_lone_cells_below_a_blank_row_stay_faults_without_a_footer(write):
    found = records(write("id,name,amount\n1,A,5\n\nlonely\n2,B,6\n"))
    assert [(r.number, bool(r.fault)) for r in found] == [(2, False), (4, True), (5, False)]


def test_leading_blank_rows_and_columns(write):
    with Table(inspect(write("\n,,,\n,,id,name\n,,1,A\n,,2,B\n"))) as table:
        assert table.header == ["", "", "id", "name"]
        assert [(r.number, r.cells[2:]) for r in table] == [(4, ["1", "A"]), (5, ["2", "B"])]


def test_a_short_header_above_wider_rows_is_no_title(write):
    with Table(inspect(write("id\n1,2\n3,4\n"))) as table:
        assert table.header == ["id"]
        assert all(record.fault for record in table)
