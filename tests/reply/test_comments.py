"""Comments: passed over where they are nothing else."""

from __future__ import annotations

import pytest

from extractor.reply.comments import comment_end
from extractor.reply.quoted import Unplain


@pytest.mark.parametrize(
    ("text", "comment"),
    [
        ("/* a, b */ 1", "/* a, b */"),
        ("/**/1", "/**/"),
        ("/* a", "/* a"),
        ("// a, b\n1", "// a, b"),
        ("# a\n1", "# a"),
        ("# a", "# a"),
        ('// the "best" {one}\n', '// the "best" {one}'),
        ("/*/ 1 */2", "/*/ 1 */"),
    ],
)
def test_the_end(text: str, comment: str) -> None:
    """A comment ends with its line or its mark, or with the text."""
    assert comment_end("[" + text, 1) == 1 + len(comment)


@pytest.mark.parametrize(
    "text", ["/ a", "// ... and so on\n", "/* … */", '#5 rebar", "b": 1}', "// a }\n", '# 5"\n', "# ]"]
)
def test_what_may_be_none(text: str) -> None:
    """What leaves data out, or may be the end of a string, is refused."""
    with pytest.raises(Unplain) as caught:
        comment_end("[" + text, 1)
    assert caught.value.at == 1
