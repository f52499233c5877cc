"""`make ingest` reads CSV of every dialect and encoding, plain or gzip, and names every other kind of file."""

import bz2
import codecs
import csv
import gzip
import io
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.errors import RunnerError, UsageError
from runner.operate.ingest.opening import opened
from runner.operate.ingest.posting import KINDS
from runner.operate.ingest.reading import Columns, Row, rows
from runner.operate.ingest.stream import COLUMNS

HEADER = "year,make,model,category\n"
Q3 = {"year": 2020, "make": "Audi", "model": "Q3", "category": "SUV"}
Q3_LINE = "2020,Audi,Q3,SUV\n"


def read(content: str, columns: Columns = COLUMNS) -> list[Row]:
    return list(rows(io.StringIO(content, newline=""), columns))


def contents(content: str, columns: Columns = COLUMNS) -> list[Any]:
    read_rows = read(content, columns)
    assert [row.problem for row in read_rows] == [""] * len(read_rows)
    return [row.content for row in read_rows]


class TestDialects:
    @pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
    @pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
    def test_the_header_shows_the_separator(self, separator: str, end: str) -> None:
        content = end.join([HEADER.strip(), Q3_LINE.strip(), ""]).replace(",", separator)
        assert contents(content) == [Q3]

    @pytest.mark.parametrize("first", ["sep=;", "SEP=;", '"sep=;"'])
    def test_a_first_line_may_name_the_separator(self, first: str) -> None:
        content = f"{first}\r\n" + "Year;Make;Model;Category\r\n2020;Audi;Q3;SUV\r\n"
        assert [(row.line, row.content) for row in read(content)] == [(3, Q3)]

    def test_a_header_may_have_quotes_and_lines_of_its_own(self) -> None:
        content = 'year;make;model;category;"a note,\nfor people"\n2020;Audi;Q3;SUV;x\n'
        assert [(row.line, row.content) for row in read(content)] == [(3, Q3)]

    def test_a_quoted_cell_may_have_several_lines_and_bad_lines_keep_their_numbers(self) -> None:
        content = (
            'year,make,model,category,note\n2020,Audi,Q3,SUV,"first line\n2019,Fake,Z,SUV,second ""line"""\n\n'
            "2020,Audi,Q3,SUV,ok,more\n2020,Audi,Q3,SUV,ok\n"
        )
        assert read(content) == [Row(2, Q3), Row(5, None, "6 cells under 5 columns"), Row(6, Q3)]

    def test_empty_cells_at_the_end_of_a_row_and_empty_rows_are_left_out(self) -> None:
        assert read(f"{HEADER}2020,Audi,Q3,SUV,,\n,,,,,\n2020,Audi,Q3,SUV, ,\n") == [Row(2, Q3), Row(4, Q3)]

    def test_a_quote_that_never_closes_makes_one_bad_row_and_no_vehicle_is_invented(self) -> None:
        content = f'{HEADER}2020,"Audi,Q3,SUV\n{Q3_LINE}{Q3_LINE}'
        [bad] = read(content)
        assert (bad.line, bad.content) == (2, None)
        assert (
            bad.problem
            == "not CSV: a quote opens here and never closes, so the rest of the file, to line 4, is this row"
        )

    def test_text_after_a_quoted_cell_of_several_lines_makes_all_of_them_bad(self) -> None:
        content = f'{HEADER}2020,"Audi,Q3,SUV\n{Q3_LINE}2020,"Audi",Q3,SUV\n{Q3_LINE}'
        bad, good = read(content)
        assert (bad.line, good) == (2, Row(5, Q3))
        assert bad.problem.endswith("(the row ends on line 4)")

    def test_nothing_is_read_after_a_quote_that_does_not_close_in_a_very_long_text(self) -> None:
        with pytest.raises(RunnerError, match="line 2: a quote opens here and does not close"):
            read(f'{HEADER}2020,"Audi,Q3,SUV\n' + Q3_LINE * 10_000)

    @pytest.mark.parametrize(
        ("header", "says"),
        [
            ("year;make;model\n", "separated by semicolons, names no category"),
            ("Jahr;Marke\n", "names no year, make, model, category, separated by commas or semicolons or tabs or"),
            ("sep=^\nyear;make;model;category\n", "separated by '^'"),
            ("sep=a\n", "names no year"),
            ("sep=,", "names no year"),
            ('sep="\nyear,make', "neither"),
            ('year,"' + "x" * 200_000, "neither"),
            ('year,"make\n' * 25, "names no make, model, category"),
            ('year,"make\n' + "x" * 2_000_000, "neither"),
        ],
        ids=range(9),
    )
    def test_a_header_that_does_not_fit_is_explained(self, header: str, says: str) -> None:
        with pytest.raises(RunnerError, match=r"[Cc]SV") as error:
            read(header)
        assert says in str(error.value)

    def test_columns_of_readings_have_the_names_of_the_api_and_payloads_keep_their_blanks(self) -> None:
        assert contents("out,Sensor,ts,IN\n2, front ,now,5\n", KINDS["readings"].columns) == [
            {"out": 2, "sensor": "front", "ts": "now", "in_count": 5}
        ]
        assert contents("event_type\tevent_payload\na\t  17 \n", KINDS["events"].columns) == [
            {"event_type": "a", "event_payload": "  17 "}
        ]
        with pytest.raises(RunnerError, match="in_count more than once"):
            read("sensor,ts,in,in_count,out\n", KINDS["readings"].columns)

    @settings(max_examples=30, deadline=None)
    @given(
        st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=8), max_size=5),
        st.sampled_from(",;\t|"),
        st.sampled_from(["\n", "\r\n"]),
    )
    def test_whatever_a_csv_writer_writes_is_read_with_its_line_numbers(
        self, notes: list[str], separator: str, end: str
    ) -> None:
        file = io.StringIO(newline="")
        writer = csv.writer(file, delimiter=separator, lineterminator=end, quoting=csv.QUOTE_ALL)
        writer.writerow(["note", "year", "make", "model", "category"])
        expected = []
        for note in notes:
            file.seek(0)
            expected.append(Row(1 + sum(1 for _ in file), Q3))
            writer.writerow([note, *Q3.values()])
        assert read(file.getvalue()) == expected


class TestFiles:
    @pytest.fixture
    def file(self, tmp_path: Path) -> Path:
        return tmp_path / "vehicles.csv"

    @staticmethod
    def text_of(file: Path, encoding: str = "") -> str:
        with opened(str(file), encoding) as it:
            return it.text.read()

    @pytest.mark.parametrize(
        "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "utf-16-le with mark", "utf-16-be with mark"]
    )
    @pytest.mark.parametrize("pack", [bytes, gzip.compress])
    def test_marks_show_the_encoding_also_within_gzip(self, file: Path, encoding: str, pack: Any) -> None:
        name, _, marked = encoding.partition(" ")
        file.write_bytes(pack((("\ufeff" if marked else "") + HEADER + "2020,Škoda,Q3,SUV\n").encode(name)))
        assert contents(self.text_of(file)) == [{**Q3, "make": "Škoda"}]

    @pytest.mark.parametrize(("encoding", "make"), [("latin-1", "Citroën"), ("cp1251", "Лада"), ("utf-16-le", "Škoda")])
    def test_any_encoding_can_be_named(self, file: Path, encoding: str, make: str) -> None:
        file.write_bytes(f"{HEADER}2020,{make},Q3,SUV\n".encode(encoding))
        assert contents(self.text_of(file, encoding)) == [{**Q3, "make": make}]

    def test_lines_of_another_encoding_are_bad_and_say_what_to_do(self, file: Path) -> None:
        file.write_bytes(HEADER.encode() + "2020,Citroën,C3,SUV\n2020,Audi,Q3,SUV\n".encode("latin-1"))
        bad, good = read(self.text_of(file))
        assert bad.problem.startswith("make: not in the file's encoding: ")
        assert "ENCODING" in bad.problem
        assert good == Row(3, Q3)

    def test_a_csv_may_begin_like_a_picture(self, file: Path) -> None:
        file.write_text("BMW," + HEADER)
        assert self.text_of(file) == "BMW," + HEADER

    @pytest.mark.parametrize(
        ("content", "says"),
        [
            (b"PK\x03\x04\x14\0\6\0[Content_Types].xml xl/workbook.xml", "an Excel workbook (.xlsx)"),
            (b"PK\x03\x04\x14\0mimetypeapplication/vnd.oasis.opendocument.spreadsheet", "(.ods)"),
            (b"PK\x03\x04\x14\0vehicles.csv", "a ZIP archive"),
            (b"\xd0\xcf\x11\xe0\xa1\xb1", "an old Excel or Word file"),
            (b"%PDF-1.7", "a PDF document"),
            (b"\x89PNG\r\n", "a PNG image"),
            (b"PAR1\x15\0", "Parquet"),
            (bz2.compress(b"a"), "bzip2"),
            (gzip.compress(gzip.compress(b"a", mtime=0), mtime=0), "gzip"),
            (b"\n <!DOCTYPE html><title>Log in</title>", "HTML"),
            (b"<?xml version='1.0'?>", "XML"),
            (b'[{"year": 2020}]', "one JSON array"),
            (HEADER.encode("utf-16-le"), "ENCODING=utf-16-le"),
            (HEADER.encode("utf-16-be"), "ENCODING=utf-16-be"),
            (b"\0\1\2\3abcdefgh", "binary data"),
        ],
    )
    def test_other_kinds_are_named(self, file: Path, content: bytes, says: str) -> None:
        file.write_bytes(content)
        with pytest.raises(UsageError) as error:
            self.text_of(file)
        assert says in str(error.value)
        assert str(error.value).startswith(f"{file} is ")

    @pytest.mark.parametrize("damage", [slice(0, 40), slice(0, 0)])
    def test_damaged_gzip_is_one_clear_error(self, file: Path, damage: slice) -> None:
        content = bytearray(gzip.compress((HEADER + Q3_LINE * 100).encode()))
        file.write_bytes(content[damage] or bytes(content[:20]) + b"\xff" * 20 + bytes(content[40:]))
        with pytest.raises(RunnerError, match="is damaged: its gzip data is cut off or wrong"):
            self.text_of(file)

    def test_bytes_that_are_not_of_the_encoding_are_one_clear_error(self, file: Path) -> None:
        file.write_bytes(codecs.BOM_UTF16_LE + b"\x00\xd8\x41\x00")
        with pytest.raises(RunnerError, match=r"is not utf-16.*: set ENCODING"):
            self.text_of(file)

    def test_a_file_has_the_fingerprint_of_its_bytes_and_a_pipe_has_a_new_one(
        self, file: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fingerprint(content: bytes) -> str:
            file.write_bytes(content)
            with opened(str(file)) as it:
                assert it.text.read().encode() == content
                return it.fingerprint

        assert fingerprint(b"a") == fingerprint(b"a") != fingerprint(b"b")

        class Pipe(io.BytesIO):
            def seekable(self) -> bool:
                return False

        seen = set()
        for _ in range(2):
            monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(Pipe(b"a" * 10_000)))
            with opened("-") as it:
                assert len(it.text.read()) == 10_000
                seen.add(it.fingerprint)
        assert len(seen) == 2
