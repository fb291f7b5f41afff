"""Tables of documents: every row comes, whatever it is, and no file is ever read whole."""

from __future__ import annotations

import csv
import gzip
import importlib
import io
import json
import os
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import extractor.documents.rows as module
from extractor.documents import table_files
from extractor.documents.rows import Row, check_table, count_rows, is_table, rows
from extractor.errors import DocumentDamaged, DocumentError, MissingExtra, OptionError


def read(path: Path, **options: Any) -> list[Row]:
    """All rows of a table."""
    return list(rows(path, text_column="text", **options))


def texts(path: Path) -> list[str]:
    """The texts of all rows."""
    return [row.text for row in read(path)]


def written(folder: Path, name: str, content: str | bytes) -> Path:
    """A file with this content, packed where its name says so."""
    raw = content.encode() if isinstance(content, str) else content
    path = folder / name
    path.write_bytes(gzip.compress(raw) if name.endswith(".gz") else raw)
    return path


CSV = 'id,text,city\n1,"one, two",Berlin\n2,"a\nb",\n\n3,"say ""x""",Köln\n'
JSONL = (
    '{"id": 1, "text": "one, two", "city": "Berlin"}\n\n{"id": 2, "text": "a\\nb"}\n{"id": 3, "text": "say \\"x\\""}'
)


@pytest.mark.parametrize("name", ["a.csv", "A.CSV", "a.csv.gz", "a.tsv", "a.jsonl", "a.ndjson", "a.jsonl.gz"])
def test_kinds(tmp_path: Path, name: str) -> None:
    """The rows of each kind of table come with their texts and their other columns."""
    content = JSONL if "json" in name else CSV.replace("one, two", "one; two") if "tsv" in name else CSV
    if "tsv" in name:
        content = content.replace(",", "\t").replace("one;", "one,")
    path = written(tmp_path, name, content)
    assert is_table(path)
    check_table(path, text_column="text", name_column="id")
    assert texts(path) == ["one, two", "a\nb", 'say "x"']
    assert [row.number for row in read(path)] == [1, 2, 3]
    assert count_rows(path) == 3
    first = read(path)[0].others
    assert first == {"id": 1 if "json" in name else "1", "city": "Berlin"}


def test_parquet(tmp_path: Path) -> None:
    """The rows of a Parquet file come as plain data, whatever the types of its columns."""
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    table = pyarrow.table(
        {
            "text": ["one", None, "three"],
            "day": [date(1969, 1, 2), None, None],
            "price": [Decimal("1.50"), None, None],
            "raw": [b"abc", b"\xff", None],
            "nested": [{"a": [1, float("nan")]}, None, None],
        }
    )
    path = tmp_path / "a.parquet"
    parquet.write_table(table, path)
    found = read(path)
    assert [row.text for row in found] == ["one", "", "three"]
    nested = {"a": [1, "nan"]}
    assert found[0].others == {"day": "1969-01-02", "price": "1.50", "raw": "abc", "nested": nested}
    assert found[1].others["raw"] == "/w=="
    assert "no text" in found[1].error
    assert count_rows(path) == 3
    with pytest.raises(OptionError, match="no column 'body'"):
        check_table(path, text_column="body")


def test_parquet_needs_its_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where Parquet cannot be read, the error says what to install."""

    def missing(name: str) -> Any:
        raise ImportError(name)

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(MissingExtra, match=r"extractor\[tables\]"):
        check_table(written(tmp_path, "a.parquet", "x"), text_column="text")


@pytest.mark.parametrize("name", ["a.parquet", "a.csv.gz"])
def test_no_table_inside(tmp_path: Path, name: str) -> None:
    """A file that is not what its name says is refused before anything begins."""
    pytest.importorskip("pyarrow")
    path = tmp_path / name
    path.write_bytes(b"text\nsomething else\n")
    with pytest.raises(DocumentDamaged, match="cannot be read as a table"):
        check_table(path, text_column="text")


def test_no_file(tmp_path: Path) -> None:
    """A pipe with the name of a table is refused, and nobody waits for it."""
    os.mkfifo(tmp_path / "a.csv")
    with pytest.raises(DocumentError, match="is no file"):
        check_table(tmp_path / "a.csv", text_column="text")


@pytest.mark.parametrize(("name", "column"), [("a.txt", "text"), ("a.csv", "body")])
def test_wrong_calls(tmp_path: Path, name: str, column: str) -> None:
    """What is no table, or lacks the column, is an error that says so."""
    path = written(tmp_path, name, CSV)
    with pytest.raises(OptionError):
        check_table(path, text_column=column)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"text": "half', "no JSON"),
        ("[1]", "no JSON object"),
        ('{"text": 5}', "no text"),
        ('{"id": 7}', "no text"),
        ('{"text": NaN}', "no JSON"),
        ('{"text": "\\ud800"}', "no JSON"),
        ("[" * 100_000, "no JSON"),
    ],
)
def test_damaged_lines(tmp_path: Path, line: str, said: str) -> None:
    """A damaged line of JSON Lines is a row without a text that says what is wrong, and the others come."""
    path = written(tmp_path, "a.jsonl", f'{{"text": "a"}}\n{line}\n{{"text": "b"}}\n')
    first, second, third = read(path)
    assert (first.text, second.text, third.text) == ("a", "", "b")
    assert said in second.error


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl"])
def test_a_row_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """A row that is longer than any may be is one damaged row, of which no more than that is in memory."""
    monkeypatch.setattr(table_files, "LONGEST_ROW", 1_000)
    quoted = "csv" in name
    head, good = ("text\n", "{}\n") if quoted else ("", '{{"text": "{}"}}\n')
    long = '"' + "x\n" * 600 if quoted else "x" * 5_000 + "\n"
    path = written(tmp_path, name, head + good.format("before") + long + good.format("after"))
    found = read(path)
    assert found[0].text == "before"
    assert found[1].error
    assert found[-1].text == "after"


def test_a_file_that_breaks_off(tmp_path: Path) -> None:
    """A packed file that breaks off ends with a row that says so."""
    whole = gzip.compress("".join(["text\n", *(f"row {n} {n * 7919}\n" for n in range(5_000))]).encode())
    path = tmp_path / "a.csv.gz"
    path.write_bytes(whole[: len(whole) // 2])
    found = read(path)
    assert len(found) > 10
    assert "cannot be read after row" in found[-1].error
    assert all(row.text for row in found[:-1])


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"], ids=["utf-8", "with its mark", "utf-16", "Windows"]
)
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_spreadsheets(tmp_path: Path, encoding: str, delimiter: str) -> None:
    """What spreadsheets write is read: with a mark, in wide or old encodings, with semicolons."""
    content = f"id{delimiter}text\r\n1{delimiter}Müller, Köln\r\n2{delimiter}€ 5\r\n"
    content = content.replace("Müller, Köln", '"Müller, Köln"')
    path = written(tmp_path, "a.csv", content.encode(encoding))
    check_table(path, text_column="text", name_column="id")
    assert texts(path) == ["Müller, Köln", "€ 5"]


def test_odd_columns(tmp_path: Path) -> None:
    """Columns without or with the same name are kept under names of their own, and cells may be missing."""
    path = written(tmp_path, "a.csv", "text,,a,a\none,x,1,2,,\ntwo\n,y\n")
    first, second, third = read(path)
    assert first == Row(number=1, text="one", others={"column_2": "x", "a": "1", "a#4": "2"})
    assert (second.text, second.others) == ("two", {})
    assert (third.text, third.others["column_2"]) == ("", "y")


def test_more_cells_than_the_header(tmp_path: Path) -> None:
    """A row with more cells than the header is damaged, with all that it has, and the others are good."""
    path = written(tmp_path, "a.csv", "id,text\n1,Hello, world\n2,good\n")
    first, second = read(path)
    assert first.error == "The row has 3 cells, and the header 2."
    assert first.others == {"id": "1", "column_3": " world"}
    assert (second.text, second.error) == ("good", "")


def test_a_quote_without_its_other_half(tmp_path: Path) -> None:
    """A quote that is not closed makes a damaged row of what is behind it; one that is closed at the end does not."""
    path = written(tmp_path, "a.csv", 'id,text\n1,good\n2,"open\n3,more\n')
    first, second = read(path)
    assert (first.text, first.error) == ("good", "")
    assert (second.text, second.others) == ("", {})
    assert "quote" in second.error
    assert read(written(tmp_path, "b.csv", 'id,text\n1,"good\nmore"')) == [
        Row(number=1, text="good\nmore", others={"id": "1"})
    ]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("text\nHello, world\na;b\tc|d\n", ["Hello, world", "a;b\tc|d"]),
        ('id;"a, b, c";text\n1;2;one, two, three\n', ["one, two, three"]),
        ("text|id\na;b;c,d|1\n", ["a;b;c,d"]),
        ("\n \r\nid,text\n1,a\n", ["a"]),
    ],
)
def test_the_header_tells_the_delimiter(tmp_path: Path, content: str, expected: list[str]) -> None:
    """What stands between the names of the columns is the delimiter, whatever is in quotes or in the rows."""
    found = read(written(tmp_path, "a.csv", content))
    assert [row.text for row in found] == expected
    assert not any(row.error for row in found)


@pytest.mark.parametrize("name", ["empty.csv", "empty.csv.gz"])
def test_an_empty_table(tmp_path: Path, name: str) -> None:
    """A table without a header is said to be empty, and one with a header only has no rows."""
    with pytest.raises(DocumentError, match=r"empty.csv(\.gz)? is empty"):
        check_table(written(tmp_path, name, "\n\n"), text_column="text")
    path = written(tmp_path, name, "text\n")
    check_table(path, text_column="text")
    assert read(path) == []


def test_a_damaged_header(tmp_path: Path) -> None:
    """A header that does not end is a damaged file."""
    with pytest.raises(DocumentDamaged, match="cannot be read as a table"):
        check_table(written(tmp_path, "a.csv", 'text,"id\n1,2\n'), text_column="text")


def test_names(tmp_path: Path) -> None:
    """A name is what its column says, if that is anything that can be one."""
    lines = [{"text": "a", "id": 5}, {"text": "b", "id": " x "}, {"text": "c", "id": None}, {"text": "d", "id": [1]}]
    path = written(tmp_path, "a.jsonl", "\n".join(map(json.dumps, lines)))
    assert [row.name for row in read(path, name_column="id")] == ["5", "x", "", ""]


def test_a_long_cell(tmp_path: Path) -> None:
    """A document in a cell may be longer than the csv module's own limit."""
    path = written(tmp_path, "a.csv", f"text\n{'x' * 500_000}\n")
    assert len(texts(path)[0]) == 500_000


def test_a_large_file_is_not_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """How many rows a large file has is not known, since it would have to be read."""
    path = written(tmp_path, "a.csv", CSV)
    for limit in ("MOST_COUNTED", "COUNTED"):
        with monkeypatch.context() as patched:
            patched.setattr(module, limit, 2)
            assert count_rows(path) is None
    assert count_rows(path) == 3


def _csv_text(cells: list[str]) -> str:
    file = io.StringIO()
    csv.writer(file).writerows([["text"], *([cell] for cell in cells)])
    return file.getvalue()


def _jsonl_text(cells: list[str]) -> str:
    return "\n".join(json.dumps({"text": cell}) for cell in cells)


CELLS = st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1), max_size=5)


@pytest.mark.parametrize(("name", "make"), [("a.csv", _csv_text), ("a.jsonl", _jsonl_text)])
@given(cells=CELLS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
def test_law_every_text_comes(tmp_path: Path, name: str, make: Callable[[list[str]], str], cells: list[str]) -> None:
    """Whatever the texts are, they come as they were written."""
    assert texts(written(tmp_path, name, make(cells))) == cells


@given(content=st.binary(max_size=300), name=st.sampled_from(["a.csv", "a.tsv", "a.jsonl"]), packed=st.booleans())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100)
def test_law_any_bytes(tmp_path: Path, content: bytes, name: str, packed: bool) -> None:
    """Any bytes come to rows, and as many as are counted."""
    path = tmp_path / (name + ".gz" * packed)
    path.write_bytes(content)
    assert count_rows(path) == len(read(path))
