"""The command `extractor` of the pages: every provider is the fake endpoint, and a server ends when it answers."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
import time
from dataclasses import replace

SERVERS = ("serve", "review")


def main() -> None:
    """Run the command line."""
    from extractor.__main__ import main as run
    from extractor.endpoint.presets import PRESETS

    address = os.environ.get("PAGE_ENDPOINT")
    if address:
        for name, preset in list(PRESETS.items()):
            if preset.key_variable:
                PRESETS[name] = replace(preset, base_url=address, fallback_url="")  # type: ignore[index]
                os.environ[preset.key_variable] = "of-a-page"
    sys.argv[0] = "extractor"
    if sys.argv[1:2] and sys.argv[1] in SERVERS:
        _interrupted_when_it_listens()
    run()


def _interrupted_when_it_listens() -> None:
    """Ctrl-C, as soon as a server of this process takes connections."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background has it ignored
    listens = threading.Event()
    listen = socket.socket.listen

    def listened(self: socket.socket, *backlog: int) -> None:
        listen(self, *backlog)
        listens.set()

    socket.socket.listen = listened  # type: ignore[method-assign,assignment]

    def interrupt() -> None:
        listens.wait(60)
        time.sleep(1)  # it has yet to say where it listens, and to wait
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt, daemon=True).start()


if __name__ == "__main__":
    main()
