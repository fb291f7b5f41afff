"""Sources of examples: what they have, when they are read again, and what is wrong with them."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from extractor.chat.content import Image
from extractor.errors import JobError, OptionError
from extractor.examples.nearest import KEPT, Examples
from extractor.schema.target import Target, target_of


class Bill(BaseModel):
    """A bill."""

    number: str


TARGET: Target[Any] = target_of(Bill)
LINES = [{"text": "Bill 1 of Acme", "value": {"number": "1"}}, {"document": "Bill 2 of Acme", "gold": {"number": "2"}}]


def _file(path: Path, *lines: Any) -> Path:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path


def _numbers(examples: Examples, text: str = "Bill 9 of Acme") -> list[str]:
    return sorted(value["number"] for _, value in examples.chosen(TARGET, text))


def test_lines(tmp_path: Path) -> None:
    """A file of JSON lines has a text or document, and a value or gold, in each; empty lines are passed over."""
    path = _file(tmp_path / "a.jsonl", *LINES)
    path.write_text("\ufeff" + path.read_text(encoding="utf-8") + "\n\n", encoding="utf-8")
    assert _numbers(Examples(path)) == _numbers(Examples(str(path))) == ["1", "2"]


def test_pairs() -> None:
    """Pairs have a text, parts of text, or what was read from a file; an image has no words to go by."""
    pairs: list[Any] = [
        ("Bill 1", Bill(number="1")),
        (["Bill", "2 of Acme"], {"number": "2"}),
        (Image(url="https://h/"), {"number": "3"}),
        (7, {"number": "4"}),
    ]
    examples = Examples(pairs)
    assert _numbers(examples) == ["1", "2"]
    assert examples.left_out == 2


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("[]\n", "Line 1 of .* is no JSON object"),
        ('{"text": "a", "value": {}}\n{"text": \n', "Line 2 of .* is no JSON object"),
        ("[" * 100_000 + "\n", "Line 1 of .* is no JSON object"),
        ('{"name": "a.pdf", "value": {"number": "1"}}\n', "no text in .*give the job itself"),
        ("\x00\x01\n", "Line 1 of"),
    ],
)
def test_a_file_that_is_none(content: str, said: str, tmp_path: Path) -> None:
    """A file that has no examples in it is the caller's mistake, in words."""
    path = tmp_path / "a.jsonl"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(OptionError, match=said):
        Examples(path).opened(TARGET)


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    """So are a path where there is nothing, a folder, bytes that are no text, and a file that is no job."""
    with pytest.raises(OptionError, match="There is no file"):
        Examples(tmp_path / "none.db").opened(TARGET)
    (tmp_path / "folder.jsonl").mkdir()
    with pytest.raises(OptionError, match="cannot be read"):
        Examples(tmp_path / "folder.jsonl").opened(TARGET)
    (tmp_path / "latin.jsonl").write_bytes(b'{"text": "Gr\xf6\xdfe"}\n')
    with pytest.raises(OptionError, match="cannot be read"):
        Examples(tmp_path / "latin.jsonl").opened(TARGET)
    (tmp_path / "other.txt").write_text("no job, whatever it is, and long enough to be one" * 9, encoding="utf-8")
    with pytest.raises(JobError, match="is no job"):
        Examples(tmp_path / "other.txt").opened(TARGET)


def test_a_path_that_is_none() -> None:
    """A path in the home of nobody is the caller's mistake."""
    with pytest.raises(OptionError, match="of the examples is none"):
        Examples("~nobody-has-this-name/bills.db")


@pytest.mark.parametrize("source", [7, None, {"a": 1}, [1], [("a",)], b"x"])
def test_what_is_no_source(source: Any) -> None:
    """Anything else than pairs, a job and a path is refused."""
    with pytest.raises(OptionError, match="examples"):
        Examples(source)


@pytest.mark.parametrize("numbers", [{"nearest": -1}, {"nearest": True}, {"tokens": 1.5}])
def test_numbers(numbers: dict[str, Any]) -> None:
    """The numbers are whole, and not negative."""
    with pytest.raises(OptionError, match="must be a whole number"):
        Examples([], **numbers)


def test_a_file_that_changes_is_read_again(tmp_path: Path) -> None:
    """A file is read once as long as it is as it was, whoever asks, and again when it has changed."""
    path = _file(tmp_path / "a.jsonl", *LINES)
    examples = Examples(path)
    first = examples.opened(TARGET)
    assert Examples(path, nearest=1).opened(TARGET) is first
    _file(path, *LINES, {"text": "Bill 3 of Acme", "value": {"number": "3"}})
    assert _numbers(examples) == ["1", "2", "3"]


def test_what_says_the_same_is_kept(tmp_path: Path) -> None:
    """A file that was touched, and says what it said, is not gone through again."""
    path = _file(tmp_path / "a.jsonl", *LINES)
    first = Examples(path).opened(TARGET)
    path.unlink()
    _file(path, *LINES)
    assert Examples(path).opened(TARGET) is first


def test_few_files_are_kept(tmp_path: Path) -> None:
    """Only the files that were used last are kept."""
    paths = [_file(tmp_path / f"{number}.jsonl", *LINES) for number in range(KEPT + 1)]
    first = Examples(paths[0]).opened(TARGET)
    for path in paths:
        Examples(path).opened(TARGET)
    assert Examples(paths[0]).opened(TARGET) is not first


def test_fixed(tmp_path: Path) -> None:
    """What is fixed stays as it is, whatever becomes of the file."""
    path = _file(tmp_path / "a.jsonl", *LINES)
    fixed = Examples(path).fixed(TARGET)
    _file(path, LINES[0])
    assert _numbers(fixed) == ["1", "2"]


def test_a_job_that_is_only_begun(tmp_path: Path) -> None:
    """The job that a map begins has no examples yet; any other path where there is nothing is a mistake."""
    path = tmp_path / "new.db"
    assert _numbers(Examples(path).fixed(TARGET, beginning=str(path))) == []
    with pytest.raises(OptionError, match="There is no file"):
        Examples(path).fixed(TARGET, beginning=tmp_path / "other.db")


def test_what_a_run_says_of_them(tmp_path: Path) -> None:
    """Options name the numbers, and what the examples are; none at all are no option."""
    path = _file(tmp_path / "a.jsonl", *LINES)
    examples = Examples(path, nearest=2)
    assert examples.described() == {"source": str(path), "nearest": 2, "tokens": 2_000}
    described = examples.fixed(TARGET).described()
    assert described == Examples(_file(tmp_path / "b.jsonl", *LINES[::-1]), nearest=2).fixed(TARGET).described()
    assert described["count"] == 2
    assert Examples([]).fixed(TARGET).described() == {}


def test_pickled(tmp_path: Path) -> None:
    """Another process gets the source and the numbers, and reads it for itself."""
    examples = Examples(_file(tmp_path / "a.jsonl", *LINES), nearest=1)
    examples.opened(TARGET)
    again = pickle.loads(pickle.dumps(examples.fixed(TARGET)))
    assert repr(again) == repr(examples)
    assert len(_numbers(again)) == 1
