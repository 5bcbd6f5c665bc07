"""How long the reader of a file may compute: a first sum for every file, and a little more for every page it finishes.

What is hostile makes one thing take for ever; what is merely large gets on. So the budget runs in the processor's
time, which does not pass while others use the machine, and whoever makes progress earns more of it. The kernel keeps
it: where it is used up the process ends at once, even in the middle of a library that never returns.
"""

import signal

FIRST_SECONDS = 20.0
SECONDS_A_PAGE = 0.25
ENDS_WITH = signal.SIGPROF


def begin(seconds: float = FIRST_SECONDS) -> None:
    """From here on this process may compute for ``seconds``, unless it earns more; it never has more than that."""
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
