"""`python -m extractor` and the command `extractor`."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line, or say what it needs."""
    try:
        from extractor.cli import app
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] not in ("typer", "rich"):
            raise
        sys.exit('error: The command line needs typer and rich. Run: pip install "extractor[cli]"')
    app()


if __name__ == "__main__":
    main()
