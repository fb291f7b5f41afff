"""Many documents as they are named: checked at once, looked through lazily, in the same order each time."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import extractor.documents.inputs as module
from extractor.documents.inputs import count, inputs
from extractor.documents.loaded import Input, Names
from extractor.errors import DocumentError, OptionError


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with files, the working directory of the test."""
    for name in ["b.txt", "a.txt", ".hidden", "sub/c.pdf", "sub/deep/d.txt", ".git/config", "job.db", "job.db-wal"]:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def names(paths: Any, **options: Any) -> list[str]:
    """The names of all documents."""
    found = list(inputs(paths, **options))
    assert count(paths, **{key: value for key, value in options.items() if key != "name_column"}) == len(found)
    return [each.name for each in found]


ALL = ["a.txt", "b.txt", "job.db", "job.db-wal", "sub/c.pdf", "sub/deep/d.txt"]


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        (".", ALL),
        (Path(), ALL),
        (["sub"], ["sub/c.pdf", "sub/deep/d.txt"]),
        (["b.txt", "a.txt"], ["b.txt", "a.txt"]),
        (["a.txt", "a.txt", "./a.txt"], ["a.txt"]),
        (["a.txt", "."], ALL),
        (["sub/deep", "sub"], ["sub/deep/d.txt", "sub/c.pdf"]),
        (["*.txt"], ["a.txt", "b.txt"]),
        (["**/*.txt"], ["a.txt", "b.txt", "sub/deep/d.txt"]),
        (["s*"], ["sub/c.pdf", "sub/deep/d.txt"]),
        (["sub/**"], ["sub/c.pdf", "sub/deep/d.txt"]),
        (["*/*.pdf"], ["sub/c.pdf"]),
        (["**/deep/**/*.txt"], ["sub/deep/d.txt"]),
        (["[ab].txt"], ["a.txt", "b.txt"]),
        ([".hidden"], [".hidden"]),
        ([".hid*"], [".hidden"]),
        (["?.txt", "sub/../a.txt"], ["a.txt", "b.txt"]),
        ([], []),
    ],
)
def test_paths(folder: Path, paths: Any, expected: list[str]) -> None:
    """Files, folders and patterns give their files, sorted within a folder, each once."""
    assert names(paths) == expected


def test_documents_are_paths(folder: Path) -> None:
    """A file's document is its path, for others to read."""
    assert list(inputs("a.txt")) == [Input(name="a.txt", document=Path("a.txt"))]
    assert names(folder / "sub") == [f"{folder.as_posix()}/sub/c.pdf", f"{folder.as_posix()}/sub/deep/d.txt"]


def test_a_file_with_a_pattern_as_name(folder: Path) -> None:
    """A path that is there is no pattern, whatever its name looks like."""
    Path("[ab].txt").write_text("x")
    assert names("[ab].txt") == ["[ab].txt"]


def test_not_recursive(folder: Path) -> None:
    """Folders in a folder are left alone if that is wanted."""
    assert names(".", recursive=False, ignore="job.*") == ["a.txt", "b.txt"]
    assert names("s*", recursive=False) == ["sub/c.pdf"]


def test_ignored(folder: Path) -> None:
    """What is to be ignored, by its name or its path, is left out of folders, and not where it is named."""
    assert names(".", ignore=["*.db", "*.db-*", Path("sub/deep")]) == ["a.txt", "b.txt", "sub/c.pdf"]
    assert names(".", ignore=[folder / "sub"]) == ["a.txt", "b.txt", "job.db", "job.db-wal"]
    assert names("job.db", ignore=["job.db"]) == ["job.db"]


@pytest.mark.parametrize("paths", ["nothing.txt", ["a.txt", "nothing.txt"], "*.docx", "nothing/*.txt", "a\0b", "a\0*"])
def test_what_is_not_there(folder: Path, paths: Any) -> None:
    """A path or pattern that names nothing is an error before anything begins."""
    for function in (inputs, count):
        with pytest.raises(DocumentError):
            function(paths)


@pytest.mark.parametrize("paths", ["-", ["a.txt", "-"], ""])
def test_no_standard_input(folder: Path, paths: Any) -> None:
    """The standard input has no name to be known by, and is refused."""
    with pytest.raises(OptionError, match="standard input"):
        inputs(paths)


def test_links(folder: Path) -> None:
    """Links to folders are followed where they are named, and not in folders: circles are no circles."""
    for number in range(30):
        level = folder / "links" / f"{number:02}"
        level.mkdir(parents=True)
        (level / "up").symlink_to(folder, target_is_directory=True)
        (level / "self").symlink_to(level, target_is_directory=True)
        for side in ("left", "right"):
            (level / side).symlink_to(folder / "links" / f"{(number + 1) % 30:02}", target_is_directory=True)
    (folder / "links" / "29" / "end.txt").write_text("x")
    for paths in ("links", "links/**/*.txt", "links/*/*.txt"):
        assert [name for name in names(paths) if name.endswith(".txt")] == ["links/29/end.txt"]
    assert names("links/28/left") == ["links/28/left/end.txt"]


def test_links_to_files(folder: Path) -> None:
    """Links to files are files."""
    (folder / "sub" / "link.txt").symlink_to(folder / "a.txt")
    assert names("sub") == ["sub/c.pdf", "sub/deep/d.txt", "sub/link.txt"]


def test_what_cannot_be_read_fails_by_itself(folder: Path) -> None:
    """A link that leads nowhere, or a pipe, is a document too: it fails, and nobody waits for it."""
    (folder / "gone.txt").symlink_to(folder / "nowhere")
    os.mkfifo(folder / "pipe.txt")
    assert names("*.txt") == ["a.txt", "b.txt", "gone.txt", "pipe.txt"]


def test_a_folder_that_cannot_be_looked_into(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that may not be looked into is a document that fails, and the others come."""
    real = os.listdir

    def listdir(path: Path) -> list[str]:
        if path.name == "deep":
            raise PermissionError
        return real(path)

    monkeypatch.setattr(os, "listdir", listdir)
    assert names("sub") == ["sub/c.pdf", "sub/deep"]


def test_names_that_are_no_text(folder: Path) -> None:
    """A file name that is no text is spelled out, and its path stays what it is."""
    raw = os.fsdecode(b"sub/\xff.txt")
    Path(raw).write_text("x")
    found = list(inputs("sub/*.txt"))
    assert [each.name for each in found] == ["sub/\\udcff.txt"]
    assert found[0].document == Path(raw)


def test_lazy(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder is looked into as its files are wanted."""
    looked: list[str] = []
    real = os.listdir

    def listdir(path: Path) -> list[str]:
        looked.append(path.name)
        return real(path)

    monkeypatch.setattr(os, "listdir", listdir)
    found = inputs(["sub"])
    assert looked == []
    next(found)
    assert looked == ["sub"]


# ------------------------------------------------------------------------------------------------ tables


@pytest.fixture
def tables(folder: Path) -> Path:
    """A folder with nothing but tables."""
    Path("tables").mkdir()
    Path("tables/a.csv").write_text("id,text,city\nx,one,Berlin\nx,two,\n,three,\n")
    Path("tables/b.jsonl").write_text('{"id": "x", "text": "four"}\n{"id": "x#2", "text": ""}\nno JSON\n')
    return folder / "tables"


def test_rows(tables: Path) -> None:
    """Each row of a table is a document, by the file and its number, with the other columns beside it."""
    found = list(inputs("tables", text_column="text"))
    assert [each.name for each in found] == [f"tables/{name}:{n}" for name in ("a.csv", "b.jsonl") for n in (1, 2, 3)]
    assert [each.document for each in found] == ["one", "two", "three", "four", "", ""]
    assert found[0].row == {"id": "x", "city": "Berlin"}
    assert "no JSON" in found[-1].error
    assert found[-1].row == {}
    assert count("tables", text_column="text") == 6


def test_names_of_rows(tables: Path) -> None:
    """Rows may name themselves: the second of the same name gets a number, and one without has its place."""
    assert names("tables/a.csv", text_column="text", name_column="id") == ["x", "x#2", "tables/a.csv:3"]
    both = names(["tables/a.csv", "tables/b.jsonl"], text_column="text", name_column="id")
    assert both == ["x", "x#2", "tables/a.csv:3", "x#3", "x#2#2", "tables/b.jsonl:3"]


def test_without_a_text_column_a_table_is_a_document(tables: Path) -> None:
    """Where no column is named, a table is a file like any other."""
    assert names("tables") == ["tables/a.csv", "tables/b.jsonl"]


@pytest.mark.parametrize("options", [{"text_column": "body"}, {"text_column": "text", "name_column": "key"}])
def test_no_such_column(tables: Path, options: dict[str, str]) -> None:
    """A column that is not there is an error before anything begins."""
    with pytest.raises(OptionError, match="has no column"):
        inputs("tables/a.csv", **options)  # type: ignore[arg-type]


def test_no_table(tables: Path) -> None:
    """Other files among tables are an error that says so, named or found, and how to leave them out."""
    Path("tables/notes.txt").write_text("x")
    for paths in (["tables/a.csv", "a.txt"], "tables"):
        with pytest.raises(OptionError, match=r'is no table.*--ignore "\*\.txt"'):
            inputs(paths, text_column="text")
    assert len(names("tables", text_column="text", ignore="*.txt")) == 6
    with pytest.raises(OptionError, match="needs a column of texts"):
        inputs("tables", name_column="id")


def test_a_large_table_is_not_counted(tables: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where one table's rows are not known, neither is the total."""
    monkeypatch.setattr(module, "count_rows", lambda path: None)
    assert count("tables", text_column="text") is None


@given(st.lists(st.sampled_from(["a", "a#2", "a#2#2", "b", "a#3"]), max_size=20))
def test_law_names_are_distinct(given_names: list[str]) -> None:
    """However names repeat, no two documents have the same, and the first keeps its own."""
    seen = Names()
    found = [seen.distinct(name) for name in given_names]
    assert len(set(found)) == len(found)
    assert all(made.startswith(name) for name, made in zip(given_names, found, strict=True))
