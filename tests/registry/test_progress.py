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
    assert "s left" not in text  # too early to tell
    assert text.endswith("\r\x1b[Klayer sent\n\r\x1b[K")


def test_rate_and_remaining_time_are_told_when_they_are_sure() -> None:
    terminal, times = Terminal(), iter([100.0, 100.4, 102.0])
    bar = Bar(terminal, lambda: next(times))
    bar.begin("layer", 8_000_000)
    bar.advance(1_000_000)
    bar.advance(1_000_000)
    early, _, late = terminal.getvalue().removesuffix("\x1b[K").partition("\x1b[K\r")
    assert early.rstrip().endswith("12%  2.5 MB/s")
    assert late == "[######                  ]  25%  1.0 MB/s  6 s left"


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
