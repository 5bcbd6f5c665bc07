"""The command line: ``sitechat ask | replay | ingest | sources | sync | jobs | watch | … | eval | doctor | serve``.

Commands own the data directory where it is free and otherwise work beside the SiteChat that owns it. People read
standard error for progress and standard output for results; ``--json`` prints one value of the protocol a line.
Exit status: 0 done, 1 something failed, 2 the command or the settings need attention.
"""

import os

import typer

from sitechat.cli import asking, checking, evaluating, ingesting, jobs, replaying, sources
from sitechat.cli.base import complain
from sitechat.errors import SettingsError, SiteChatError

app = typer.Typer(help="Ask your own documents.", no_args_is_help=True, add_completion=False)
for command in (
    asking.ask,
    replaying.replay,
    ingesting.ingest,
    sources.sources,
    sources.sync,
    jobs.jobs,
    jobs.watch,
    jobs.pause,
    jobs.resume,
    jobs.cancel,
    jobs.retry,
    checking.doctor,
    checking.serve,
    checking.version,
):
    app.command()(command)
app.command("eval")(evaluating.evaluate)


def main() -> None:
    """The ``sitechat`` command."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    try:
        app()
    except SettingsError as error:
        complain(error.message, status=2)
    except SiteChatError as error:
        complain(error.message)
