"""`make ingest`: puts every vehicle of a file on the stream once, and names every bad line."""

import io
import json
import sys
import time
import tracemalloc
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError
from rich.console import Console

from detections.counts import counter_of
from runner.__main__ import main
from runner.errors import RunnerError
from runner.operate import ingest
from runner.operate.ingest import novelty, stream
from runner.operate.ingest.progress import Tally, bar
from runner.operate.ingest.reading import MAX_LINE_LENGTH, rows
from runner.stack import Stack
from sitewatch import settings, timeline
from sitewatch.delivery import DeliveryFailed
from tests.world.aws import REGION, client
from tests.world.faults import Call, Fault, one_invocation
from tests.world.pipeline import on_stream, vehicle
from tests.world.template import ROOT

EXAMPLE = ROOT / "docs" / "examples" / "vehicles.csv"
KIA = "2020,Kia,Sorento,SUV\n"


class Run:
    """Runs the command and keeps its output."""

    def __init__(self, capsys: pytest.CaptureFixture[str], folder: Path) -> None:
        self._capsys = capsys
        self._folder = folder

    def __call__(self, content: str | bytes, name: str = "vehicles.csv") -> int:
        file = self._folder / name
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        return self.on(str(file))

    def on(self, *arguments: str) -> int:
        code = main(["ingest", *arguments, "--stream", settings.text("DETECTIONS_STREAM")])
        self.out, self.err = self._capsys.readouterr()
        return code


@pytest.fixture(autouse=True)
def no_stack(monkeypatch: pytest.MonkeyPatch) -> None:
    """No stack to ask about new detections."""

    def count_of(_source: str) -> int:
        raise RunnerError("There is no stack")

    monkeypatch.setattr(ingest, "counter", lambda *_: count_of)
    monkeypatch.setattr(ingest, "running_file", lambda: Path("no-such-stack.json"))


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    return Run(capsys, tmp_path)


def vehicles_on_stream() -> list[dict[str, Any]]:
    return [{name: report[name] for name in vehicle()} for report in on_stream()]


class TestFormats:
    def test_the_whole_example_is_put(self, run: Run) -> None:
        assert run.on(str(EXAMPLE)) == 0
        rows = EXAMPLE.read_text(encoding="utf-8").splitlines()[1:]
        assert len(rows) >= 100
        assert [",".join(str(value) for value in one.values()) for one in vehicles_on_stream()] == rows
        assert run.out.startswith(f"{len(rows)} put, 0 bad, ")
        assert run.err == ""

    @pytest.mark.parametrize(
        "header",
        [
            "year,make,model,category",
            "Year,Make,Model,Category",
            " YEAR , make,MODEL,Category",
            "\ufeffyear,make,model,category",
        ],
    )
    def test_a_header_may_have_any_letter_case(self, run: Run, header: str) -> None:
        assert run(f"{header}\n{KIA}") == 0
        assert vehicles_on_stream() == [vehicle()]

    def test_columns_may_have_any_order_and_others_are_ignored(self, run: Run) -> None:
        assert run("colour,category,model,make,year\nred,SUV,Sorento,Kia,2020\n") == 0
        assert vehicles_on_stream() == [vehicle()]

    def test_given_times_and_ids_are_kept(self, run: Run) -> None:
        assert (
            run(f"year,make,model,category,created_at,id\n{KIA.strip()},2026-11-22T06:10:30Z,a\n{KIA.strip()},,\n{KIA}")
            == 0
        )
        first, *others = on_stream()
        assert first == vehicle(id="a", created_at="2026-11-22T06:10:30Z", source="vehicles.csv")
        assert all(other.keys() == {*vehicle(), "id", "source"} for other in others)
        assert len({other["id"] for other in others}) == 2

    def test_quoted_cells_are_read_as_csv(self, run: Run) -> None:
        assert run('year,make,model,category\r\n2020,"Kia","So""re""nto, long",SUV\r\n') == 0
        assert vehicles_on_stream() == [vehicle(model='So"re"nto, long')]

    @pytest.mark.parametrize("name", ["vehicles.jsonl", "vehicles.csv", "vehicles"])
    def test_json_lines_are_recognized_by_their_content(self, run: Run, name: str) -> None:
        capital = {"Year": 2020, "Make": "Kia", "Model": "Sorento", "Category": "SUV"}
        assert run(f"\n{json.dumps(vehicle(id='a'))}\n\n{json.dumps(capital)}", name) == 0
        assert vehicles_on_stream() == [vehicle(), vehicle()]
        assert on_stream()[0]["id"] == "a"

    @pytest.mark.parametrize("content", [f"year,make,model,category\n{KIA}", json.dumps(vehicle())])
    def test_a_dash_is_standard_input(self, run: Run, monkeypatch: pytest.MonkeyPatch, content: str) -> None:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content.encode())))
        assert run.on("-") == 0
        assert vehicles_on_stream() == [vehicle()]


class TestBadLines:
    def test_they_are_named_with_the_reason_and_the_good_ones_are_put(self, run: Run) -> None:
        content = (
            f'year,make,model,category\n{KIA}x,Kia,Rio,Sedan\n{KIA}2020,Kia\n\n1,2,3,4,5\n2020,"Kia" ,Rio,Sedan\n{KIA}'
        )
        assert run(content) == 1
        assert vehicles_on_stream() == [vehicle()] * 3
        assert run.err.splitlines() == [
            "line 3: year: Input should be a valid integer",
            "line 5: model: Field required; category: Field required",
            "line 7: 5 cells under 4 columns",
            "line 8: not CSV: ',' expected after '\"'",
        ]
        assert run.out.startswith("3 put, 4 bad, ")

    @pytest.mark.parametrize(
        ("line", "reason"),
        [
            (b"[]", "Input should be a valid dictionary"),
            (b"nonsense", "not JSON: Expecting value"),
            (b'{"year": 2020}', "make: Field required"),
            (json.dumps(vehicle(year="2020")).encode(), "year: Input should be a valid integer"),
            (json.dumps(vehicle(created_at="yesterday")).encode(), "created_at: Value error, not an RFC 3339 time"),
            (b'{"year": 2020, "make": "\xff", "model": "a", "category": "b"}', "not in the file's encoding: "),
            (b"[" * 100_000, "not JSON: "),
            (b'{"year": ' + b"1" * 5000 + b"}", "not JSON: "),
            (json.dumps(vehicle(more="x" * MAX_LINE_LENGTH)).encode(), "longer than 1048576 characters"),
        ],
    )
    def test_each_has_its_reason(self, run: Run, line: bytes, reason: str) -> None:
        good = json.dumps(vehicle()).encode()
        assert run(b"\n".join([good, line, good])) == 1
        assert run.err.startswith("line 2: ")
        assert reason in run.err
        assert len(run.err.splitlines()) == 1
        assert vehicles_on_stream() == [vehicle()] * 2

    @pytest.mark.parametrize("year", ["20.20", "-2020", "2020x", "٢٠٢٠", "1" * 5000, "1885"])
    def test_a_year_is_a_number(self, run: Run, year: str) -> None:
        assert run(f"year,make,model,category\n{year},Kia,Sorento,SUV\n") == 1
        assert run.err.startswith("line 2: year: ")

    def test_if_all_are_bad_nothing_is_put(self, run: Run) -> None:
        assert run("year,make,model,category\nx,,,\n") == 1
        assert run.out.startswith("0 put, 1 bad, ")


class TestUnusableFiles:
    @pytest.mark.parametrize(
        ("content", "says"),
        [
            ("", "has no records"),
            ("\n \n", "has no records"),
            ("year,make,model,category\n", "has no records"),
            ("year,make,model,category\n,,,\n , , ,\n", "has no records"),
            ("year,make,model\n2020,Kia,Rio\n", "names no category"),
            (KIA, "names no year, make, model, category"),
            ("year,Year,make,model,category\n", "names year more than once"),
            ("x" * 200_000 + "\n", "neither CSV nor JSON Lines"),
        ],
    )
    def test_each_is_one_clear_line(self, run: Run, content: str, says: str) -> None:
        assert run(content) == 1
        assert says in run.err
        assert len(run.err.splitlines()) == 1
        assert (run.out, on_stream()) == ("", [])

    def test_a_missing_file_a_folder_and_no_file_are_one_clear_line(self, run: Run, tmp_path: Path) -> None:
        for name, code in ((str(tmp_path / "nowhere.csv"), 1), (str(tmp_path), 1), ("", 2)):
            assert run.on(name) == code
            assert len(run.err.splitlines()) == 1
            assert name in run.err


class TestPutting:
    def test_a_call_puts_five_hundred(self, run: Run) -> None:
        with one_invocation() as wire:
            assert run("year,make,model,category\n" + KIA * 1001) == 0
            assert [len(made.parameters["Records"]) for made in wire.calls] == [500, 500, 1]

    def test_a_call_stays_below_five_mebibytes(self) -> None:
        report = vehicle(make="💥" * 64, model="💥" * 64, category="💥" * 64, id="💥" * 128)
        largest = {"Data": json.dumps(report).encode(), "PartitionKey": report["id"]}
        assert stream.weight(largest) * stream.MAX_RECORDS < stream.MAX_BYTES

    def test_only_rejected_records_are_put_again_under_the_same_id(self, run: Run) -> None:
        content = "year,make,model,category\n" + "".join(f"2020,Kia,{number},SUV\n" for number in range(10))
        with one_invocation([Fault.PARTLY, Fault.PARTLY]) as wire:
            assert run(content) == 0
            put = [[record["PartitionKey"] for record in made.parameters["Records"]] for made in wire.calls]
        assert [len(names) for names in put] == [10, 5, 3]
        assert set(put[2]) < set(put[1]) < set(put[0])
        assert sorted(one["model"] for one in vehicles_on_stream()) == sorted(str(number) for number in range(10))

    def test_a_record_put_twice_after_a_lost_response_is_one_detection(self, run: Run) -> None:
        with one_invocation([Fault.TWICE]):
            assert run(f"year,make,model,category\n{KIA}") == 0
        first, second = on_stream()
        assert first == second

    def test_a_stream_that_keeps_rejecting_is_one_clear_error_with_the_progress(self, run: Run) -> None:
        with one_invocation([None] + [Fault.PARTLY] * stream.ATTEMPTS):
            assert run("year,make,model,category\n" + KIA * 501) == 1
        assert "DetectionsStream does not take records" in run.err
        assert "500 put, 0 bad" in run.err

    def test_on_a_terminal_a_bar_shows_the_progress(self, tmp_path: Path) -> None:
        file = tmp_path / "vehicles.csv"
        file.write_text(KIA * 100)
        screen = io.StringIO()
        console = Console(file=screen, force_terminal=True, width=100)
        with file.open("rb") as opened, bar(opened, tally := Tally(put=1234), console):
            opened.read(1000)
            tally.advance()
        shown = screen.getvalue()
        assert "1,234 put" in shown
        assert "1.0/2.1 kB" in shown

    def test_a_missing_stream_is_one_clear_error(
        self, run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["ingest", str(EXAMPLE), "--stream", "nowhere"]) == 1
        assert capsys.readouterr().err.startswith("There is no stream nowhere.")

    def test_ctrl_c_shows_the_progress(self, run: Run) -> None:
        def interrupt(made: Call) -> None:
            if len(made.parameters["Records"]) == 1:
                raise KeyboardInterrupt

        with one_invocation(interrupt):
            assert run("year,make,model,category\n" + KIA * 501) == 130
        assert "Interrupted. 500 put" in run.err

    def test_a_large_file_takes_no_more_memory_than_a_small_one(self) -> None:
        class Endless(io.RawIOBase):
            """A file of many megabytes that is never in memory as a whole."""

            left = 6_000

            def readable(self) -> bool:
                return True

            def readinto(self, buffer: Any) -> int:
                self.left -= 1
                line = b"2020,Kia,Sorento,SUV".ljust(999) + b"\n" if self.left else b""
                buffer[: len(line)] = line
                return len(line)

        sent = 0

        def send(entries: Sequence[dict[str, Any]]) -> Sequence[dict[str, Any]]:
            nonlocal sent
            sent += len(entries)
            return []

        file = io.TextIOWrapper(io.BufferedReader(Endless()), newline="")
        names = io.StringIO("year,make,model,category\n")
        tracemalloc.start()
        origin = stream.Origin("gate", is_default=True, fingerprint="f")
        stream.put(rows(Joined([names, file]), stream.COLUMNS), origin, send, Tally())
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert sent == 6_000 - 1
        assert peak < 2_000_000


class Joined(io.StringIO):
    """Several texts, one after the other."""

    def __init__(self, parts: Sequence[io.TextIOBase]) -> None:
        super().__init__()
        self._parts = list(parts)

    def readline(self, size: int = -1, /) -> str:  # type: ignore[override]
        while self._parts:
            if line := self._parts[0].readline(size):
                return line
            del self._parts[0]
        return ""


class TestDestination:
    @pytest.fixture
    def stack(self, tmp_path: Path) -> Path:
        file = tmp_path / "stack.json"
        file.write_text(
            json.dumps(
                {
                    "base_url": "http://127.0.0.1:4566/v1",
                    "endpoint_url": "http://127.0.0.1:4566",
                    "region": "us-east-1",
                    "stack_name": "sitewatch",
                    "detections_stream": "local-detections",
                    "users": {},
                }
            )
        )
        return file

    def test_it_is_the_local_system_if_there_is_one(self, stack: Path) -> None:
        local, name = stream.destination("", "", stack)
        assert (local.endpoint_url, name) == ("http://127.0.0.1:4566", "local-detections")

    def test_a_named_stream_is_on_aws(self, stack: Path) -> None:
        aws, name = stream.destination("mine-detections", "eu-central-1", stack)
        assert (aws.stack_name, name) == ("mine", "mine-detections")
        client = aws.client("kinesis")
        assert client.meta.region_name == "eu-central-1"
        assert client.meta.endpoint_url.startswith("https://kinesis.eu-central-1.")

    def test_without_a_local_system_it_is_the_usual_stream_on_aws(self, tmp_path: Path) -> None:
        aws, name = stream.destination("", "", tmp_path / "stack.json")
        assert (aws.client("kinesis").meta.region_name, name) == ("us-east-1", "sitewatch-detections")

    @pytest.mark.parametrize("name", ["AWS_REGION", "AWS_DEFAULT_REGION"])
    def test_its_region_comes_from_the_environment(
        self, stack: Path, monkeypatch: pytest.MonkeyPatch, name: str
    ) -> None:
        monkeypatch.delenv("AWS_REGION")
        monkeypatch.delenv("AWS_DEFAULT_REGION")
        monkeypatch.setenv(name, "eu-central-1")
        assert stream.destination("mine", "", stack)[0].client("kinesis").meta.region_name == "eu-central-1"

    def test_a_missing_region_is_one_clear_error(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("AWS_DEFAULT_REGION")
        monkeypatch.delenv("AWS_REGION")
        with pytest.raises(RunnerError, match="No region"):
            stream.destination("", "", tmp_path / "stack.json")[0].client("kinesis")

    def test_a_missing_profile_is_one_clear_error(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AWS_PROFILE", "nobody")
        with pytest.raises(RunnerError, match="nobody"):
            stream.destination("mine", "", tmp_path / "stack.json")[0].client("kinesis")

    def test_a_stopped_system_is_one_clear_error(self, capsys: pytest.CaptureFixture[str]) -> None:
        error = EndpointConnectionError(endpoint_url="http://127.0.0.1:4566/")
        assert "make status" in stream.explanation(error, "mine")
        assert "does not take records" in stream.explanation(DeliveryFailed("1 of 1"), "mine")


class TestSources:
    @pytest.mark.parametrize(
        ("name", "source"),
        [
            ("a.csv", "a.csv"),
            ("Tor 7 (nördlich).csv", "Tor 7 -nördlich-.csv"),
            ("गेट.csv", "गेट.csv"),
            (".csv", "csv"),
            ("x" * 100 + ".csv", "x" * 64),
        ],
    )
    def test_the_source_is_the_name_of_the_file(self, run: Run, name: str, source: str) -> None:
        assert run(f"year,make,model,category\n{KIA}", name) == 0
        assert on_stream()[0]["source"] == source

    def test_the_source_of_standard_input_is_stdin(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(json.dumps(vehicle()).encode())))
        assert run.on("-") == 0
        assert on_stream()[0]["source"] == "stdin"

    def test_a_record_may_name_its_own_source_unless_one_is_given(self, run: Run, tmp_path: Path) -> None:
        assert run(f"year,make,model,category,source\n{KIA.strip()},gate\n{KIA}") == 0
        assert run.on(str(tmp_path / "vehicles.csv"), "--source", "lane 3") == 0
        assert [one["source"] for one in on_stream()] == ["gate", "vehicles.csv", "lane 3", "lane 3"]

    def test_a_bad_source_is_one_clear_error(self, run: Run) -> None:
        assert run.on("a.csv", "--source", "a/b") == 2
        assert run.err.startswith("SOURCE is a valid name (a name has letters, ")

    def test_a_row_without_an_id_has_the_same_one_whenever_the_same_file_is_put(self, run: Run) -> None:
        for content in (KIA * 2, KIA * 2, KIA * 3):
            assert run(f"year,make,model,category\n{content}") == 0
        names = [one["id"] for one in on_stream()]
        assert names[:2] == names[2:4]
        assert len(set(names)) == 5


class TestNovelty:
    @pytest.fixture(autouse=True)
    def no_pauses(self, monkeypatch: pytest.MonkeyPatch) -> None:
        clock = iter(range(100_000))
        monkeypatch.setattr(time, "sleep", lambda _: None)
        monkeypatch.setattr(time, "monotonic", lambda: float(next(clock)))

    @staticmethod
    def of(*counts: int) -> str:
        """What is said of five detections whose source has these counts, one after the other."""
        left = list(counts)
        counted = novelty.Novelty(lambda _: left.pop(0) if len(left) > 1 else left[0])
        counted.expect("gate")
        return counted.wait(5)

    def test_all_are_new_as_soon_as_all_are_counted(self) -> None:
        assert self.of(7, 7, 9, 12) == "5 new"

    def test_others_of_the_same_source_do_not_make_more_new_than_were_put(self) -> None:
        assert self.of(7, 20) == "5 new"

    def test_the_rest_is_known_already_once_the_count_does_not_grow_any_more(self) -> None:
        assert self.of(7, 7, 8, 8, 10) == "3 new; the other 2 are known already, or still on their way"
        assert self.of(7) == "0 new; the other 5 are known already, or still on their way"

    def test_it_says_so_if_it_cannot_know(self, run: Run) -> None:
        assert run(f"year,make,model,category\n{KIA}") == 0
        assert run.out.splitlines()[1] == "How many are new is not known: There is no stack."

    def test_a_file_of_very_many_sources_is_not_counted(self) -> None:
        counted = novelty.Novelty(lambda _: 0)
        for number in range(novelty.MAX_SOURCES + 1):
            counted.expect(str(number))
        assert counted.wait(5) == "How many are new is not known: the file has more than 100 sources."

    def test_the_count_of_a_source_is_the_sum_of_its_months(self) -> None:
        resources = {"DetectionsStream": "mine", "DetectionCountsTable": settings.text("DETECTION_COUNTS_TABLE")}

        class OnMoto(Stack):
            def resource(self, logical_id: str, kind: str) -> str:
                return resources[logical_id]

        for source, months in (("gate", {"2026-10": 2, "2026-11": 3}), ("lane", {"2026-11": 7})):
            key = {"counter": {"S": counter_of(timeline.MONTHS, "source", source)}, "value": {"S": timeline.ALL}}
            item = {**key, **{month: {"N": str(total)} for month, total in months.items()}}
            client("dynamodb").put_item(TableName=resources["DetectionCountsTable"], Item=item)
        count_of = novelty.counter(OnMoto.named(region=REGION), "mine")
        assert (count_of("gate"), count_of("lane"), count_of("other")) == (5, 7, 0)
        with pytest.raises(RunnerError, match="has another stream"):
            novelty.counter(OnMoto.named(region=REGION), "other")("gate")
