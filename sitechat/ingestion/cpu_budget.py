"""How long the reader of a file may compute: a first sum, more for a large file, and more for every page it finishes.

What is hostile makes one thing take for ever; what is merely large gets on. So the budget runs in the processor's
time, which does not pass while others use the machine, and whoever makes progress earns more of it. The kernel keeps
it: where it is used up the process ends at once, even in the middle of a library that never returns.
"""

import signal

FIRST_SECONDS = 15.0
SECONDS_A_MEGABYTE = 5.0
SECONDS_A_PAGE = 0.25
ENDS_WITH = signal.SIGPROF


def begin(seconds: float = FIRST_SECONDS, size: int = 0) -> None:
    """From here on this process may compute for ``seconds`` and what ``size`` bytes add to it, unless it earns more.

    It never has more than that at once.
    """
    seconds += SECONDS_A_MEGABYTE * size / 1_000_000
    signal.signal(ENDS_WITH, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_PROF, seconds, seconds)


def earn(seconds: float = SECONDS_A_PAGE) -> None:
    """A piece of the work is done. Does nothing where no budget runs."""
    left, most = signal.getitimer(signal.ITIMER_PROF)
    if left > 0:
        signal.setitimer(signal.ITIMER_PROF, min(left + seconds, most), most)


def end() -> None:
    """The file is read; nothing is counted until the next."""
    signal.setitimer(signal.ITIMER_PROF, 0)
