"""What is printed of errors, and of the commands that are to be given next."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from extractor.cli import output
from extractor.cli.output import called, say, spoken
from extractor.errors import ExtractorError, OptionError

ROOT = Path(__file__).parent.parent.parent


@pytest.mark.parametrize(
    ("words", "ours"),
    [
        ("See .errors and .attempts. Clearer field descriptions, instructions= or a larger model may help.",
         "See jobs show X. Clearer field descriptions, --instructions or a larger model may help."),
        ("See .attempts[-1].reply.choices[0].message.refusal.", "See jobs show X."),
        ("See .attempts[-1].reply; another model or endpoint may take it.",
         "See jobs show X; another model or endpoint may take it."),
        ("See .errors, and .value for all that there is.", "See jobs show X."),
        ("See .body for what it does not accept.", "See jobs show X for what it does not accept."),
        ("Raise deadline=, or ask for less at once.", "Raise --deadline, or ask for less at once."),
        ("Split it, or allow more: limits=FileLimits(max_pages=…).",
         "Split it, or allow more: limits=FileLimits(max_pages=…), in Python."),
        ("Say overwrite, or choose another name.", "Say --overwrite, or choose another name."),
        ("Look at a.txt. It has .bodyguard and x.body.", "Look at a.txt. It has .bodyguard and x.body."),
    ],
)  # fmt: skip
def test_hints_in_words_of_the_command_line(words: str, ours: str) -> None:
    """What hints name in Python is an option, or a command, here."""
    assert spoken(words, "jobs show X") == ours


def test_no_words_are_left_over() -> None:
    """Each phrase that is put in other words is one that the library says."""
    source = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "extractor").rglob("*.py")
                       if path.parent.name != "cli")  # fmt: skip
    source = source.replace('"\n    "', "")
    assert [words for words, _ in output.WORDS if words not in source] == []


def test_options_are_named_as_they_are_given(capsys: pytest.CaptureFixture[str]) -> None:
    """An option that is wrong is named as it is given here; other messages are as they are."""
    say(OptionError("max_retries must be less.", option="max_retries"))
    say(OptionError("as_ is 'x'.", option="as_"))
    say(ExtractorError("max_retries is a word."))
    assert capsys.readouterr().err == (
        "error: --max-retries must be less.\nerror: --as is 'x'.\nerror: max_retries is a word.\n"
    )


def test_the_program_as_it_was_called(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The commands that are printed begin with what the shell finds: its name, its path, or the module of a Python."""
    program = tmp_path / "bin" / "extractor"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n", encoding="utf-8")
    program.chmod(0o700)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "argv", [str(program)])
    assert called() == str(program)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["bin/extractor"])
    assert called() == "bin/extractor"
    monkeypatch.setenv("PATH", str(program.parent))
    assert called() == "extractor"
    monkeypatch.setattr(sys, "argv", ["/somewhere/extractor/__main__.py"])
    monkeypatch.setattr(sys, "executable", "/opt/a b/python")
    assert called() == "'/opt/a b/python' -m extractor"
    monkeypatch.setattr(sys, "argv", ["/somewhere/pytest/__main__.py"])
    assert called() == "extractor"


def test_ctrl_c_while_it_is_loaded(tmp_path: Path) -> None:
    """Ctrl-C during the imports of the command line ends it without a traceback."""
    code = (
        "import sys, extractor.__main__ as main\n"
        "class Pressed:\n"
        "    def find_spec(self, name, *rest):\n"
        "        if name == 'extractor.cli': raise KeyboardInterrupt\n"
        "sys.meta_path.insert(0, Pressed())\n"
        "main.main()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "\nInterrupted.\n")
