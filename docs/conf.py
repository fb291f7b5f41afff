"""How the documentation's site is made: Sphinx with MyST, from these pages and the docstrings. Nothing is fetched."""

from __future__ import annotations

import fnmatch
import inspect
import re
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.pycode import ModuleAnalyzer

import extractor

project = "extractor"
author = "The authors of extractor"
copyright = author  # noqa: A001  # Sphinx calls it so
version = release = extractor.__version__
language = "en_GB"
smartquotes = False  # `--option` is no dash

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx_copybutton"]
exclude_patterns = ["_build"]

myst_enable_extensions = ["colon_fence", "deflist", "fieldlist", "attrs_inline"]
myst_heading_anchors = 4

autodoc_default_options = {"members": True, "undoc-members": True}
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
autodoc_class_signature = "mixed"
python_maximum_signature_line_length = 80
python_use_unqualified_type_names = True
toc_object_entries_show_parents = "hide"

pygments_dark_style = "github-dark"
html_theme = "furo"
html_title = f"extractor {version}"
html_static_path = ["_static"]
html_css_files = ["extractor.css"]
html_copy_source = False
html_show_sphinx = False
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#1f5f8b", "color-brand-content": "#1f5f8b"},
    "dark_css_variables": {"color-brand-primary": "#7fb8e0", "color-brand-content": "#7fb8e0"},
}
copybutton_prompt_text = "$ "
copybutton_only_copy_prompt_lines = True
copybutton_exclude = ".linenos, .gp, .go"

# Types of others, and of ours that nobody needs to name, are shown without a link.
nitpick_ignore_regex = [("py:.*", r".*")]

DOCS = Path(__file__).resolve().parent
ENTRY = re.compile(r"[\w/-]*\*")
CLASS = re.compile(r"[A-Z]\w*(?:\.\w+)?")
CODE = re.compile(r"(?<!`)`([^`]+)`(?!`)")


def _present(app: Sphinx, docname: str, source: list[str]) -> None:
    """A table of contents names pages in their order, and `*` takes up the others; what is not there is left out."""
    folder, _, name = docname.rpartition("/")
    if name != "index":
        return
    here = {path.relative_to(DOCS / folder).with_suffix("").as_posix() for path in (DOCS / folder).rglob("*.md")} - {
        name
    }
    lines = []
    for line in source[0].split("\n"):
        found = set(fnmatch.filter(here, line)) if ENTRY.fullmatch(line) else None
        if found is not None and line == "*":
            found = {each for each in found if "/" not in each}
        here -= found or set()
        if found is None or found:
            lines.append(line)
    source[0] = "\n".join(lines)


def _code(app: Sphinx, what: str, name: str, thing: Any, options: Any, lines: list[str]) -> None:
    """In docstrings, single backticks are code, as in Markdown."""
    text = CODE.sub(r"``\1``\\ ", "\n".join(lines))
    lines[:] = re.sub(r"(``)\\ (?=[^\w]|$)", r"\1", text).split("\n")


def _linked(app: Sphinx, doctree: nodes.document) -> None:
    """Code that is the name of a public class leads to the reference: pages stay plain Markdown."""
    for node in list(doctree.findall(nodes.literal)):
        if CLASS.fullmatch(node.astext()) is None or _is_inside(node):
            continue
        link = addnodes.pending_xref("", node.deepcopy(), refdomain="py", reftype="obj", reftarget=node.astext())
        node.replace_self(link)


def _is_inside(node: nodes.Node) -> bool:
    """Whether it is a part of a heading, a link or a signature."""
    above = node.parent
    while above is not None:
        if isinstance(above, (nodes.title, nodes.reference, addnodes.pending_xref, addnodes.desc_signature)):
            return True
        above = above.parent
    return False


def _resolved(app: Sphinx, env: Any, node: addnodes.pending_xref, contnode: nodes.TextElement) -> Any:
    """A class leads to where it is documented, under whatever name; a file outside of the pages is its text.

    A file that is not there is a warning.
    """
    target = node.get("reftarget", "")
    if node.get("refdomain") == "py":
        public = None if target.startswith(OTHERS) else _documented(env).get(target.removeprefix("extractor."), "")
        public = public or _documented(env).get(target.rpartition(".")[2] if target.startswith("extractor.") else "")
        if not public:
            return contnode
        return env.get_domain("py").resolve_xref(env, node["refdoc"], app.builder, "obj", public, node, contnode)
    path = (DOCS / node.get("refdoc", "")).parent / target.partition("#")[0]
    if node.get("reftype") == "myst" and path.is_file() and path.resolve().is_relative_to(DOCS.parent):
        return contnode
    return None


OTHERS = ("httpx.", "pydantic.", "pathlib.", "collections.", "typing.")


def _documented(env: Any) -> dict[str, str]:
    """The full names of what is documented, by the last part and by the last two; functions of ours are no classes."""
    names: dict[str, str] = {}
    for name in env.get_domain("py").objects:
        parts = name.split(".")
        for short in (parts[-1], ".".join(parts[-2:])):
            if short[0].isupper():
                names[short] = name
    return names


def _signature(
    app: Sphinx, what: str, name: str, thing: Any, options: Any, signature: str | None, returns: str | None
) -> tuple[str, str | None] | None:
    """How results and errors are made is nobody's business: their attributes are what counts."""
    if what in ("class", "exception") and inspect.isclass(thing) and thing.__name__ not in MADE_BY_CALLERS:
        return "", None
    return None


MADE_BY_CALLERS = frozenset(
    "Extractor AsyncExtractor Budget Cache Chunking FileLimits Examples Fallback RateLimits Price Input Job "
    "Image Audio File Grounded Inferred Merge Dialect Limits FakeEndpoint Reply Telemetry Normal".split()
)


def _without_overloads(app: Sphinx) -> None:
    """Overloads say to type checkers what one signature says to people."""
    analyse = ModuleAnalyzer.analyze

    def analysed(self: ModuleAnalyzer) -> None:
        analyse(self)
        self.overloads = {}

    ModuleAnalyzer.analyze = analysed  # type: ignore[method-assign]


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    _without_overloads(app)
    app.connect("source-read", _present)
    app.connect("doctree-read", _linked)
    app.connect("missing-reference", _resolved)
    app.connect("autodoc-process-signature", _signature)
    app.connect("autodoc-process-docstring", _code)
