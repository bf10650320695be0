from __future__ import annotations

import io

from hatch_wasm_oci.registry.progress import Bar, Lines, Progress, progress_for


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def transfer(progress: Progress) -> None:
    progress.begin("layer", 2_000_000)
    progress.advance(1_000_000)
    progress.advance(-500_000)
    progress.advance(1_500_000)
    progress.end("layer", "sent")
    progress.close()


def test_a_terminal_sees_a_bar_that_is_gone_at_the_end() -> None:
    terminal = Terminal()
    progress = progress_for(terminal, quiet=False)
    assert isinstance(progress, Bar)
    transfer(progress)
    text = terminal.getvalue()
    assert "[############            ]  50%" in text
    assert "MB/s" in text
    assert "s left" in text
    assert text.endswith("\r\x1b[Klayer sent\n\r\x1b[K")


def test_a_log_sees_lines() -> None:
    stream = io.StringIO()
    progress = progress_for(stream, quiet=False)
    assert type(progress) is Lines
    transfer(progress)
    assert stream.getvalue() == "layer sent\n"


def test_quiet_is_silent() -> None:
    terminal = Terminal()
    transfer(progress_for(terminal, quiet=True))
    assert terminal.getvalue() == ""
