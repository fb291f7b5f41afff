"""Documents that are asked of nobody: people enter what stands in them, on a page beside each.

Files are read as in a map, one after the other; one that is a picture has no text, and is kept all the same.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from extractor.batch import claims
from extractor.batch.claims import Offer
from extractor.batch.contents import Content, Item, content_of_file, known_content, named_item, own_files
from extractor.batch.packing import packed
from extractor.batch.restoring import failure_of
from extractor.batch.rows import name_of, stored_name
from extractor.batch.run import Loads, name_of_none
from extractor.batch.store import Store
from extractor.documents.loaded import Names
from extractor.errors import DocumentError, DocumentUnsupported, MissingExtra
from extractor.several.alone import check_documents, check_given

__all__ = ["enter"]

AHEAD = 64  # documents that wait to be written
HEAD = 1 << 16  # bytes of a file that say what it is


def enter(
    store: Store, run: int, documents: Iterable[Any], loader: Callable[[], Loads], earlier: Callable[[str, str], None]
) -> None:
    """Put documents into a run, in the order in which they come; those that are there stay as they are. Of one that
    people have spoken of, and that has another content by now, the earlier content stays under a name of its own:
    `earlier` is told both names.

    `loader` makes who reads the files, if there are any. Raises `OptionError` for what is no iterable of documents.
    """
    check_documents(documents)
    writing: deque[Future[None]] = deque()
    with ExitStack() as stack:
        opened: list[Loads] = []

        def load(path: Path) -> Any:
            if not opened:
                opened.append(loader())
                stack.callback(opened[0].close)
            return opened[0].load(path)

        names = Names()
        is_spoken_of = store.any_said(run)
        for number, given in enumerate(documents):
            item = named_item(number, given, names)
            offer = _offer(store, run, item, load)
            if is_spoken_of and (kept := _earlier(store, offer)) is not None:
                writing.append(store.enter(kept))
                earlier(item.name, name_of(kept.name))
            writing.append(store.enter(offer))
            if len(writing) >= AHEAD:
                writing.popleft().result()
        while writing:
            writing.popleft().result()


def _offer(store: Store, run: int, item: Item, load: Callable[[Path], Any]) -> Offer:
    """A document ready for the file, or what is wrong with it."""
    row = packed(item.row) if item.row else None
    try:
        check_given(item.given)
        content = _content(store, run, item, load)
    except DocumentError as error:
        name = stored_name(item.name or name_of_none(item.given))
        return Offer(run=run, number=item.number, name=name, row=row, failure=packed(failure_of(error)))
    known = content.text is not None or content.media_type != "text/plain"
    kept = claims.Content(text=content.text, pages=content.pages, media_type=content.media_type) if known else None
    return Offer(
        run=run,
        number=item.number,
        # By its content: the numbers of the next documents that somebody gives begin at 0, too.
        name=stored_name(item.name or content.sha256[:16]),
        row=row,
        sha=bytes.fromhex(content.sha256),
        content=kept,
        size=content.size,
        mtime=content.mtime_ns,
    )


def _earlier(store: Store, offer: Offer) -> Offer | None:
    """An input for what a document of that name was before, where people have spoken of that: it would have no name
    any more, and nobody would see what they entered.
    """
    if offer.sha is None or offer.failure is not None:
        return None
    known = store.record(offer.run, name_of(offer.name))
    if known is None or known.revision is None or known.sha256 in ("", offer.sha.hex()):
        return None
    return Offer(
        run=offer.run,
        number=known.number,
        name=stored_name(f"{known.name} (earlier, {known.sha256[:8]})"),
        row=packed(known.row) if known.row else None,
        sha=bytes.fromhex(known.sha256),
    )


def _content(store: Store, run: int, item: Item, load: Callable[[Path], Any]) -> Content:
    """What is in a document. Raises `DocumentError`."""
    if not isinstance(item.document, os.PathLike):
        return known_content(item.document)
    content = content_of_file(item, partial(store.known_file, run), own_files(store.path))
    if store.known_file(run, item.name, content.size, content.mtime_ns) == content.sha256:
        return content  # it is in the file
    try:
        loaded = load(Path(item.document))
    except (DocumentError, MissingExtra) as error:
        if (picture := _picture(Path(item.document), error)) is None:
            raise
        return replace(content, media_type=picture)
    own = {"sha256": loaded.sha256, "size": content.size, "mtime_ns": content.mtime_ns}
    return replace(known_content(loaded), **own)


def _picture(path: Path, error: Exception) -> str | None:
    """The media type of a file in which there is no text, but something to see; None for any other."""
    from extractor.documents.files.kinds import kind_of

    if type(error) not in (DocumentError, DocumentUnsupported, MissingExtra):  # damaged, encrypted, too large …
        return None
    try:
        with path.open("rb") as file:
            kind, _ = kind_of(file.read(HEAD), name=path.name)
    except (OSError, DocumentError):
        return None
    return kind.media_type if kind.reader in ("pdf", "image") else None
