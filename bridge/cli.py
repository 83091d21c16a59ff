"""The `imbridge` program: parses its words and calls; imports what is heavy only where it is used."""

import gc
import secrets
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, NoReturn

import click

from bridge import logs
from bridge.errors import BadConfiguration
from bridge.redaction import redact

CONFIG = click.option(
    "--config",
    "config",
    type=click.Path(path_type=Path),
    default=None,
    help="The settings file; app.yaml in this folder where it exists.",
)
DATABASE_URL = click.option(
    "--database-url",
    default=None,
    help="sqlite:///FILE or postgresql://…; a file in var/ when absent. A password is safer in IMBRIDGE_DATABASE_URL: "
    "everyone can read argument lists.",
)
EXIT_REFUSED, EXIT_NOT_UNDERSTOOD = 1, 2


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="imbridge")
def cli() -> None:
    """Run your app's in-app messaging from Slack."""


@cli.command()
@CONFIG
def serve(config: Path | None) -> None:
    """Serve Slack: Socket Mode when SLACK_APP_TOKEN is set, else HTTP on HOST:PORT."""
    from bridge import app
    from bridge import config as settings

    _run(app.serve(settings.load(config)))


@cli.command()
@CONFIG
def demo(config: Path | None) -> None:
    """Serve the playground: a Slack-like workspace beside the phones of three users, no account anywhere."""
    from bridge import config as settings
    from bridge import demo as playground

    _run(playground.demo(settings.load(config)))


@cli.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8138, show_default=True, type=click.IntRange(0, 65535))
@DATABASE_URL
@CONFIG
def realtime(host: str, port: int, database_url: str | None, config: Path | None) -> None:
    """Run the self-hosted messaging server alone."""
    from bridge import app
    from bridge import config as settings

    redact.know_url(database_url or "")
    _run(app.realtime(settings.load(config), host, port, database_url))


@cli.command()
@click.option(
    "--url", default=None, help="Where Slack reaches us, e.g. https://im.example; absent: Socket Mode."
)
@CONFIG
def manifest(url: str | None, config: Path | None) -> None:
    """Print the manifest to make the Slack app from."""
    import json

    from bridge import config as settings
    from bridge.slack import manifest as slack

    chosen = settings.load(config)
    wanted = slack.scopes(chosen.access)
    click.echo(json.dumps(slack.manifest(chosen.commands, url, wanted), indent=2))


@cli.command()
@click.option("--audit", is_flag=True, help="Read the whole audit too: is it as it was written?")
@CONFIG
def check(config: Path | None, *, audit: bool) -> None:
    """Look for everything that is wrong with the configuration and the connections, and change nothing."""
    from bridge.check import Level, everything

    found = _run(everything(config, audit=audit))
    for finding in found:
        click.echo(redact(str(finding)))
    if any(each.level is Level.WRONG for each in found):
        sys.exit(EXIT_REFUSED)


@cli.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--as", "actor", default=None, metavar="ACTOR", help="On whose behalf, for the records.")
@CONFIG
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="COMMAND...")
def run(*, as_json: bool, actor: str | None, config: Path | None, words: tuple[str, ...]) -> None:
    """Run one command, e.g. `imbridge run conv list`."""
    from bridge import app, terminal
    from bridge import config as settings

    try:
        reply = _run(app.run(settings.load(config), words, actor))
    except BadConfiguration as error:
        reply = app.misconfigured(error)
    told = terminal.json_line(reply) if as_json else terminal.text(reply)
    failed = reply.failure is not None
    # A result is shown as it is, an error quotes whatever went wrong.
    click.echo(redact(told) if failed else told, err=failed and not as_json)
    if reply.failure is not None:
        sys.exit(EXIT_REFUSED if reply.failure.understood else EXIT_NOT_UNDERSTOOD)


@cli.command("export")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path), metavar="DIR")
@click.option(
    "--allow-private-addresses",
    is_flag=True,
    help="Also fetch files from this machine and its network, where no stranger writes messages.",
)
@CONFIG
def export_(folder: Path, config: Path | None, *, allow_private_addresses: bool) -> None:
    """Move conversations, messages, subscribers and files into DIR; run again, it goes on or picks up what is newer."""
    from bridge import config as settings
    from bridge.moving.downloads import Rules
    from bridge.moving.folder import Stopped

    chosen, rules = settings.load(config), Rules(private_addresses=allow_private_addresses)
    try:
        if chosen.embedded:
            from bridge.moving import own

            summary = _run(own.export(chosen, folder, rules))
        else:
            from bridge.moving import assembly  # without the server: less than half the memory

            summary = _run(assembly.export_service(chosen, folder, rules))
    except Stopped as error:
        click.echo(redact(f"stopped: {error}"), err=True)
        sys.exit(EXIT_REFUSED)
    for line in summary.lines():
        click.echo(line)


@cli.command("import")
@click.argument("source", type=click.Path(path_type=Path), metavar="DIR")
@DATABASE_URL
@click.option(
    "--public-url",
    default="http://127.0.0.1:8138",
    show_default=True,
    help="Where the app's users reach the server: links to files lead there.",
)
@click.option("--seed", type=int, default=None, help="Compare the same sample of rows as an earlier run.")
@CONFIG
def import_(
    *, source: Path, database_url: str | None, public_url: str, seed: int | None, config: Path | None
) -> None:
    """Move an export, or the console's export, into the self-hosted server; run again, it changes nothing."""
    from bridge import config as settings
    from bridge.moving import own
    from bridge.moving.folder import Stopped
    from bridge.moving.inward import Arrival

    arrival = Arrival(public_url, secrets.randbelow(1_000_000) if seed is None else seed)

    def report(line: str) -> None:
        click.echo(line, err=True)

    redact.know_url(database_url or "")
    try:
        outcome = _run(own.import_(settings.load(config), source, database_url, arrival, report))
    except Stopped as error:
        click.echo(redact(f"stopped: {error}"), err=True)
        sys.exit(EXIT_REFUSED)
    for line in outcome.lines():
        click.echo(line)
    if not outcome.ok:
        sys.exit(EXIT_REFUSED)


def _run(work: Coroutine[Any, Any, Any]) -> Any:
    from bridge.listen import run

    return run(work)


def main() -> NoReturn:
    """The console script: problems of the configuration are listed, without a traceback."""
    # Imports leave no garbage; looking for it is a seventh of the start. `run` of bridge.listen turns it on again.
    gc.disable()
    logs.guard()
    try:
        cli()
    except BadConfiguration as error:
        for problem in error.problems:
            click.echo(redact(str(problem)), err=True)
        sys.exit(EXIT_REFUSED)
    sys.exit(0)
