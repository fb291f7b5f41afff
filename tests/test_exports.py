"""What `import extractor` offers."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import types
from pathlib import Path

import pytest

import extractor
from extractor import errors

MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(extractor.__path__, "extractor.")
    if not module.name.rpartition(".")[2].startswith("_")
)


def test_all_is_what_is_public() -> None:
    """`__all__` names everything public in the package, and nothing else."""
    public = {
        name
        for name, value in vars(extractor).items()
        if not name.startswith("_") and not isinstance(value, types.ModuleType)
    }
    assert {*extractor.__all__, "TYPE_CHECKING"} == public | set(extractor._WHERE)


def test_all_is_sorted() -> None:
    """`__all__` is sorted, constants first, and names nothing twice."""
    assert extractor.__all__ == sorted(set(extractor.__all__), key=lambda name: (not name.isupper(), name))


@pytest.mark.parametrize("name", extractor.__all__)
def test_every_export_is_documented(name: str) -> None:
    """Every exported name exists and has a docstring of its own."""
    value = getattr(extractor, name)
    assert inspect.getdoc(value)
    assert value.__module__.startswith("extractor.")
    assert "__doc__" in vars(value) or not isinstance(value, type)


def test_every_error_is_exported() -> None:
    """All errors can be caught by a name of the package, and all derive from one."""
    assert set(errors.__all__) <= set(extractor.__all__)
    classes = {value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, Exception)}
    assert {each.__name__ for each in classes} == set(errors.__all__)
    assert all(issubclass(each, extractor.ExtractorError) for each in classes)


def test_the_drawn_tree_is_the_tree() -> None:
    """The tree of errors that is drawn at the top of the file is the tree of classes."""
    drawn: list[tuple[int, str]] = []
    for line in (errors.__doc__ or "").splitlines():
        words = line.replace("│", " ").replace("├──", "   ").replace("└──", "   ")
        name = words.split()[0] if words.split() else ""
        if name in errors.__all__:
            drawn.append((len(words) - len(words.lstrip()), name))
    assert sorted(name for _, name in drawn) == sorted(errors.__all__)
    parents: list[tuple[int, str]] = []
    for indent, name in drawn:
        while parents and parents[-1][0] >= indent:
            parents.pop()
        base = getattr(errors, name).__base__
        assert base.__name__ == (parents[-1][1] if parents else "Exception")
        parents.append((indent, name))


def test_it_is_typed() -> None:
    """The package says that it is typed, and has a version."""
    assert (Path(extractor.__file__).parent / "py.typed").exists()
    assert extractor.__version__


@pytest.mark.parametrize("name", MODULES)
def test_every_room_names_what_it_offers(name: str) -> None:
    """A module's `__all__` names only what the module has, each once."""
    module = importlib.import_module(name)
    names = getattr(module, "__all__", [])
    assert len(names) == len(set(names))
    assert [each for each in names if not hasattr(module, each)] == []
    assert inspect.getdoc(module), "a room says what it is for"
