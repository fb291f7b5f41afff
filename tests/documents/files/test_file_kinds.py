"""What a file is: by its content, its name, and what is stated."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from extractor.documents.files.kinds import KINDS, is_plain, kind_of, named
from extractor.errors import DocumentDamaged, DocumentEncrypted, DocumentUnsupported

sys.path.insert(0, str(Path(__file__).parent))

from made_files import made, zipped

MADE = made()
OLD = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600


@pytest.mark.parametrize("name", MADE)
def test_a_file_is_what_its_name_says(name: str) -> None:
    """The content of a file and the ending of its name agree on what it is."""
    kind, notes = kind_of(MADE[name], name=name.upper())
    assert kind == named(name)
    assert notes == ()


@pytest.mark.parametrize("name", MADE)
def test_what_is_stated_is_checked(name: str) -> None:
    """What a document is said to be is taken, if the content allows it."""
    kind = kind_of(MADE[name], name=name)[0]
    assert kind_of(MADE[name], name="a.bin", media_type=f"{kind.media_type}; charset=utf-8") == (kind, ())
    wrong = "application/pdf" if kind.reader != "pdf" else "text/plain"
    with pytest.raises(DocumentDamaged, match="as was stated"):
        kind_of(MADE[name], media_type=wrong)


@pytest.mark.parametrize(
    ("data", "ending"),
    [
        (OLD + "WordDocument".encode("utf-16-le"), ".doc"),
        (OLD + "Workbook".encode("utf-16-le"), ".xls"),
        (OLD + "PowerPoint Document".encode("utf-16-le"), ".ppt"),
        (OLD + "__properties_version1.0".encode("utf-16-le"), ".msg"),
        (zipped({"xl/workbook.bin": b""}), ".xlsb"),
        (b"\xff\xd8\xff\xe0", ".jpg"),
        (b"GIF89a", ".gif"),
        (b"II*\0", ".tif"),
        (b"RIFF\0\0\0\0WEBPVP8 ", ".webp"),
        (b"BM\0\0\0\0\0\0\0\0", ".bmp"),
        (b"junk before it\n%PDF-1.7", ".pdf"),
        (b"From: a\nTo: b\nSubject: c\n\ntext", ".eml"),
        (b"\xef\xbb\xbf  <!doctype HTML><p>", ".html"),
        (b"Subject: a note\n\ntext", ".txt"),
    ],
)
def test_marks_of_kinds(data: bytes, ending: str) -> None:
    """A kind is known by its marks, whatever a file is called."""
    assert kind_of(data)[0] == named(f"a{ending}")


def test_a_file_with_a_password() -> None:
    """An office file with a password is a container of another kind."""
    with pytest.raises(DocumentEncrypted):
        kind_of(OLD + "EncryptedPackage".encode("utf-16-le"), name="a.docx")


@pytest.mark.parametrize(("data", "media_type"), [(b"text", "application/x-odd"), (b"%PDF-1", "application/x-odd")])
def test_a_type_that_nobody_reads(data: bytes, media_type: str) -> None:
    """A stated type that is not known is refused."""
    with pytest.raises(DocumentUnsupported, match="application/x-odd"):
        kind_of(data, media_type=media_type)


def test_types_that_say_little() -> None:
    """A stated type of some text is a text, and that of any bytes states nothing."""
    assert kind_of(b"a", media_type="text/x-odd")[0].media_type == "text/plain"
    assert kind_of(b"%PDF-1.4", media_type="application/octet-stream")[0].media_type == "application/pdf"
    assert kind_of(b"{}", media_type="Application/JSON")[0].media_type == "application/json"
    assert kind_of(b"text", media_type="application/octet-stream")[0].media_type == "text/plain"


@pytest.mark.parametrize("name", MADE)
def test_which_files_are_plain(name: str) -> None:
    """Only what is read as plain text is taken for it by its first bytes."""
    plain = kind_of(MADE[name], name=name)[0].reader == "plain"
    assert is_plain(MADE[name][:100], name=name) == plain


def test_endings_are_of_one_kind() -> None:
    """No ending is that of two kinds, and all are in small letters."""
    endings = [ending for kind in KINDS for ending in kind.endings]
    assert len(endings) == len(set(endings))
    assert all(ending == ending.lower() and ending.startswith(".") for ending in endings)
