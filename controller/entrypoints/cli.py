"""The command line. Only click is imported here, so that --help and completion are quick; commands import the rest.

`reconcile --plan` and `reconcile plan` are the same command, as are --apply and apply.
"""

import io
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from controller import __version__
from controller.entrypoints import exit_codes

click.UsageError.exit_code = exit_codes.USAGE

FLAGS = {"--plan": "plan", "--apply": "apply"}


class _Commands(click.Group):
    """A group that takes --plan and --apply for the commands of that name, and suggests what was meant."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        flags = [arg for arg in args if arg in FLAGS]
        if len(set(flags)) > 1:
            raise click.UsageError("--plan and --apply: one of the two.", ctx)
        if flags and not any(arg in self.commands for arg in args[: args.index(flags[0])]):
            args = [FLAGS[flags[0]], *(arg for arg in args if arg != flags[0])]
        return super().parse_args(ctx, args)


def _parsed(context: click.Context, option: click.Parameter, text: str | None) -> Any:
    """The month that the text says, None where there is no text."""
    from controller.domain.month import Month

    try:
        return None if text is None else Month.parse(text)
    except ValueError as error:
        raise click.BadParameter(str(error), context, option) from error


def _address(context: click.Context, option: click.Parameter, text: str) -> str:
    """ADDRESS:PORT as it is; refused where there is no port in it."""
    port = text.rpartition(":")[2]
    if not (port.isascii() and port.isdigit() and int(port) < 2**16):
        raise click.BadParameter(f"{text!r} ends in no port: ADDRESS:PORT, [IPv6]:PORT or :PORT", context, option)
    return text


def _shares(context: click.Context, option: click.Parameter, texts: tuple[str, ...]) -> Any:
    """PREFIX=PERCENT, each, as shares of 1; refused where they are more than all of it."""
    from decimal import Decimal

    shares = {}
    for text in texts:
        prefix, _, percent = text.rpartition("=")
        number = percent.replace(".", "", 1)
        if not prefix or not (number.isascii() and number.isdigit()):
            raise click.BadParameter(f"{text!r} is no PREFIX=PERCENT, like results/=80", context, option)
        shares[prefix] = Decimal(percent) / 100
    if sum(shares.values()) > 1:
        raise click.BadParameter("together they are more than 100 %", context, option)
    return shares


def _options(*options: Callable[..., Any]) -> Callable[..., Any]:
    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


_files = click.option(
    "-f", "--file", "paths", multiple=True, metavar="PATH", type=click.Path(path_type=Path),
    help="Manifest file or folder; may be repeated.  [default: customers]",
)  # fmt: skip
_settings = click.option(
    "--settings", type=click.Path(path_type=Path), metavar="FILE", envvar="RECONCILE_SETTINGS",
    help="Settings.  [default: config/billing_config.yaml, if there is one]",
)  # fmt: skip
_controller = click.option("--controller-id", metavar="ID", help="Answer for the customers of this controller.")
_keep_going = click.option("--keep-going", is_flag=True, help="Go on with the valid manifests where some are not.")
_full = click.option("--full", is_flag=True, help="Read everything; take nothing on trust from an earlier run.")
_prune = click.option("--prune", is_flag=True, help="Also remove or let go of customers whose manifest is gone.")
_max_change = click.option(
    "--max-change", type=click.IntRange(0, 100), metavar="PERCENT", help="Allow that many changes."
)
_max_remove = click.option(
    "--max-remove", type=click.IntRange(0, 100), metavar="PERCENT", help="Allow that many removals."
)
_allow_unknown = click.option(
    "--allow", multiple=True, type=click.Choice(["unknown"]), metavar="NAME",
    help="With --issue: allow what is refused by that name. unknown: without what is not known, which it then says.",
)  # fmt: skip
_allow = click.option(
    "--allow", multiple=True, metavar="NAME", help="Allow what is refused by that name; may be repeated."
)
_take_over = click.option("--take-over", is_flag=True, help="Make customers of other controller_ids this one's.")
_verbose = click.option("-v", "--verbose", is_flag=True, help="Nothing cut short, and the AWS calls that were made.")
_quiet = click.option("-q", "--quiet", is_flag=True, help="No progress.")
_month = click.option(
    "--month", callback=_parsed, metavar="YYYY-MM", help="A month in UTC, e.g. 2024-01.  [default: the running one]"
)
_form = click.option(
    "-o", "--output", "form", type=click.Choice(["table", "json", "yaml", "csv", "markdown"]), default="table",
    show_default=True,
)  # fmt: skip
_inputs = _options(
    _files,
    _settings,
    _controller,
    _keep_going,
    _full,
    _prune,
    _max_change,
    _max_remove,
    _allow,
    _take_over,
    _verbose,
    _quiet,
)


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"], "auto_envvar_prefix": None},
    epilog="`reconcile --plan` and `reconcile --apply` are the commands plan and apply.",
)
@click.version_option(__version__, prog_name="reconcile")
def cli() -> None:
    """Customer billing as code for AWS: make AWS agree with the customers declared in YAML."""


@cli.command()
@_inputs
@click.option("--format", "form", type=click.Choice(["text", "json", "markdown"]), default="text", show_default=True)
@click.option("--detailed-exitcode", is_flag=True, help="Exit 2 when there is something to apply.")
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Save the plan, to apply just that."
)
@click.option("--redact", is_flag=True, help="Hide e-mail addresses, also in the saved plan.")
def plan(**options: Any) -> int:
    """Show what would change in AWS. Writes nothing."""
    from controller.entrypoints import reconciling

    return reconciling.plan(**options)


@cli.command()
@click.argument("plan_file", metavar="[PLAN]", required=False, type=click.Path(path_type=Path))
@_inputs
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.option("--yes", is_flag=True, help="Do not ask; needed where there is nobody to ask, as in CI.")
@click.option(
    "--lock-timeout",
    type=click.FloatRange(0),
    default=60,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait for another apply to end.",
)
def apply(**options: Any) -> int:
    """Make AWS agree with the manifests, with the fewest calls that do it; or do what a saved PLAN says."""
    from controller.entrypoints import reconciling

    return reconciling.apply(**options)


@cli.command()
@_files
@_settings
@_controller
@_month
@click.option("--fresh", is_flag=True, help="Ask Cost Explorer although it was asked lately; a page costs $0.01.")
@click.option(
    "--lock-timeout",
    type=click.FloatRange(0),
    default=60,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait for another collect to end.",
)
@_form
@_verbose
@_quiet
def collect(**options: Any) -> int:
    """Read what all customers used and what it cost, and store it; every other command reads the store."""
    from controller.entrypoints import collecting

    return collecting.collect(**options)


@cli.command()
@_files
@_settings
@click.option("--format", "form", type=click.Choice(["text", "github", "json"]), default="text", show_default=True)
def validate(**options: Any) -> int:
    """Check manifests and settings offline; every error of every file in one run."""
    from controller.entrypoints import inputs

    return inputs.validate(**options)


@cli.command()
@click.argument("customer", required=False)
@_settings
@_form
@click.option(
    "--to", "folder", type=click.Path(path_type=Path, file_okay=False), metavar="DIR", help="One file per customer."
)
def status(**options: Any) -> int:
    """What the last reconcile wrote back: of all customers, or of one by id or name."""
    from controller.entrypoints import showing

    return showing.status(**options)


@cli.command()
@click.argument("customer")
@_month
@_settings
@_form
def usage(**options: Any) -> int:
    """What a customer used and what it cost in a month, by service and by workset."""
    from controller.entrypoints import using

    return using.usage(**options)


@cli.command()
@click.argument("customer")
@click.option(
    "--months", type=click.IntRange(1, 120), default=6, show_default=True,
    help="How many months, the running one included.",
)  # fmt: skip
@_settings
@_form
def history(**options: Any) -> int:
    """What a customer cost month by month, with a chart on a terminal."""
    from controller.entrypoints import using

    return using.history(**options)


@cli.command()
@click.argument("customer")
@_settings
@_form
def forecast(**options: Any) -> int:
    """What the running month will cost a customer, and whether and when that crosses the budget."""
    from controller.entrypoints import using

    return using.forecast(**options)


@cli.command()
@click.option(
    "--by", type=click.Choice(["service", "cost-center", "customer", "account"]), default="service", show_default=True,
    help="What the rows are.",
)  # fmt: skip
@_month
@_settings
@_form
def costs(**options: Any) -> int:
    """What a month cost, all customers together, and what of it nobody is charged for."""
    from controller.entrypoints import using

    return using.costs(**options)


_closed_month = click.option(
    "--month", callback=_parsed, metavar="YYYY-MM", help="A month in UTC, e.g. 2024-01.  [default: the last one]"
)


@cli.command()
@_closed_month
@_settings
@_form
def chargeback(**options: Any) -> int:
    """What each cost center is charged for a month, with discounts, shared cost and what is nobody's."""
    from controller.entrypoints import charging

    return charging.chargeback(**options)


@cli.command()
@click.argument("what", type=click.Choice(["focus", "csv", "parquet"]))
@_closed_month
@click.option(
    "--focus-version", "version", type=click.Choice(["1.2", "1.3"]), default="1.2", show_default=True,
    help="Version of the FOCUS specification.",
)  # fmt: skip
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Where to write it.")
@click.option("--validate", is_flag=True, help="Check every row against the rules of the specification.")
@_settings
def export(**options: Any) -> int:
    """The charges of a month for other FinOps tools: FOCUS as CSV or Parquet, or a plain CSV."""
    from controller.entrypoints import charging

    return charging.export(**options)


@cli.command("reconcile-bill")
@_closed_month
@_settings
@_form
def reconcile_bill(**options: Any) -> int:
    """Hold ledger, Cost Explorer, budgets and statements of a month against each other."""
    from controller.entrypoints import charging

    return charging.reconcile_bill(**options)


@cli.command()
@click.argument("customer")
@click.option(
    "--month", callback=_parsed, metavar="YYYY-MM",
    help="A month in UTC, e.g. 2024-01.  [default: the last one that is over]",
)  # fmt: skip
@click.option("--issue", is_flag=True, help="Give the draft a number: from then on it never changes.")
@click.option("--correct", is_flag=True, help="Issue what AWS has changed since, as a credit note or further charge.")
@click.option("--mark", type=click.Choice(["paid", "void"]), help="Say what became of one that was issued.")
@click.option("--number", metavar="NUMBER", help="The one with this number, e.g. INV-2024-000001.")
@click.option("--reason", metavar="TEXT", help="Why it is marked; kept with it.")
@_allow_unknown
@click.option("--yes", is_flag=True, help="Do not ask; needed where there is nobody to ask, as in CI.")
@_settings
@click.option(
    "-o", "--output", "form", type=click.Choice(["table", "json", "yaml", "csv", "markdown", "html", "pdf"]),
    default="table", show_default=True,
)  # fmt: skip
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Save it as this file.")
def statement(**options: Any) -> int:
    """What a customer is charged for a month: the draft, or what was issued of it; or issue, correct or mark that."""
    from controller.entrypoints import stating

    return stating.statement(**options)


@cli.command()
@click.argument("customer", required=False)
@click.option(
    "--month", callback=_parsed, metavar="YYYY-MM",
    help="Those of a month.  [default: all of a CUSTOMER, else of the last 12 months; with --issue, the last one that"
    " is over]",
)  # fmt: skip
@click.option("--issue", is_flag=True, help="Issue those of all customers that may be issued.")
@_allow_unknown
@click.option("--yes", is_flag=True, help="Do not ask; needed where there is nobody to ask, as in CI.")
@_settings
@_form
def statements(**options: Any) -> int:
    """What was issued, of all customers or of one, and what is open; or issue a whole month."""
    from controller.entrypoints import stating

    return stating.statements(**options)


@cli.command()
@click.argument("customer", required=False)
@click.option(
    "--inventory", multiple=True, type=click.Path(path_type=Path), metavar="FILE",
    help="S3 Inventory with sizes and ages: a manifest.json, .csv, .csv.gz or .parquet; may be repeated.",
)  # fmt: skip
@click.option(
    "--prices", "price_set", default="list", show_default=True, metavar="SET",
    help="list: AWS's list prices; seed: those of the design document.",
)  # fmt: skip
@click.option(
    "--retention-days", type=click.IntRange(1, 36_500), default=240, show_default=True, metavar="DAYS",
    help="How old objects get, where no inventory says it.",
)  # fmt: skip
@click.option(
    "--under", multiple=True, callback=_shares, metavar="PREFIX=PERCENT",
    help="How much lies under the prefix of a rule, where no inventory says it; may be repeated.",
)  # fmt: skip
@click.option("--size-gb", type=click.FloatRange(0, 1e9), metavar="GB", help="An example: so much, all in Standard.")
@click.option("--objects", type=click.IntRange(0), metavar="NUMBER", help="With --size-gb: in so many objects.")
@click.option("--region", metavar="REGION", help="With --size-gb: where it is.  [default: that of the tables]")
@_files
@_settings
@_form
def savings(**options: Any) -> int:
    """What lifecycle rules save: of all customers, of one, or of an example, and what moving the data costs once."""
    from controller.entrypoints import saving

    return saving.savings_command(**options)


@cli.command()
@click.argument("customer")
@_settings
@_form
@click.option("--history", is_flag=True, help="Also the audit trail, the newest first.")
def gate(**options: Any) -> int:
    """Whether a customer may submit new worksets: exit 0 where it may, 10 where it is held, 1 where nobody knows."""
    from controller.entrypoints import gating

    return gating.gate(**options)


@cli.command()
@click.option("--queue", required=True, metavar="URL", help="SQS queue that is subscribed to the alert topic.")
@click.option("--once", is_flag=True, help="End when the queue is empty.")
@click.option(
    "--max-messages", type=click.IntRange(1, 10), default=10, show_default=True, metavar="N",
    help="Messages that are dealt with at a time.",
)  # fmt: skip
@_files
@_settings
@_controller
def listen(**options: Any) -> int:
    """Take budget alerts from a queue, and decide the gates of those customers at once, until Ctrl-C."""
    from controller.entrypoints import gating

    return gating.listen(**options)


@cli.command()
@click.option("-n", "--namespace", metavar="NS", help="The customers of this namespace.  [default: the current one]")
@click.option("-A", "--all-namespaces", is_flag=True, help="The customers of all namespaces.")
@click.option("--dry-run", is_flag=True, help="Write plans into the statuses, and change nothing in AWS.")
@click.option(
    "--resync", type=click.FloatRange(10), default=1800, show_default=True, metavar="SECONDS",
    help="How often everything is looked at.",
)  # fmt: skip
@click.option(
    "--collect", type=click.FloatRange(0), default=3600, show_default=True, metavar="SECONDS",
    help="How often usage is collected.  0: never.",
)  # fmt: skip
@click.option(
    "--listen", callback=_address, default=":8080", show_default=True, metavar="ADDRESS:PORT",
    help="Where probes and metrics are answered.  :0: nowhere.",
)  # fmt: skip
@click.option("--customer-metrics/--no-customer-metrics", default=True, help="Whether metrics tell single customers.")
@click.option("--log-format", type=click.Choice(["json", "text"]), default="json", show_default=True)
@_settings
@_controller
@click.option("-v", "--verbose", is_flag=True, help="Also what is said of every single resource.")
def operator(**options: Any) -> int:
    """Reconcile the customer resources of a Kubernetes cluster, until it is stopped."""
    try:
        from controller.entrypoints import cluster_operator
    except ModuleNotFoundError as error:
        raise click.ClickException(f"{error}: pip install 'daylily-reconcile[operator]'") from error
    return cluster_operator.operator(**options)


@cli.command()
@_settings
@_controller
@click.option("--yes", is_flag=True, help="Do not ask.")
def unlock(**options: Any) -> int:
    """Show who holds the leases of an apply, and take them away from a holder that is dead."""
    from controller.entrypoints import unlocking

    return unlocking.unlock(**options)


@cli.command()
@_settings
@click.option("--aws", "make", is_flag=True, help="Make the two DynamoDB tables.")
@click.option("--print", "print_", is_flag=True, help="Print CloudFormation for them instead.")
def init(**options: Any) -> int:
    """Make the tables that reconcile needs."""
    from controller.entrypoints import initialising

    return initialising.init(**options)


@cli.command()
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="0: any free port.")
def sandbox(port: int) -> int:
    """Run a local AWS on 127.0.0.1, seeded, until Ctrl-C; prints the environment to export."""
    from controller.entrypoints import local

    return local.sandbox(port)


@cli.command()
@_files
def demo(paths: tuple[Path, ...]) -> int:
    """Plan, apply, drift and heal on a local AWS; needs no account and leaves nothing behind."""
    from controller.entrypoints import local

    return local.demo(paths, run)


def help_text() -> str:
    """What `reconcile --help` prints on a terminal of 80 columns or more: click leaves two of them free."""
    return cli.get_help(click.Context(cli, info_name="reconcile", terminal_width=78, **cli.context_settings)) + "\n"


def run(arguments: list[str]) -> int:
    """One command, as `main` runs it, with its exit code."""
    from controller.errors import Failure, InvalidInput, ReconcileError, Refused
    from controller.render.safe_text import visible, visible_lines

    try:
        code = cli.main(arguments, prog_name="reconcile", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("Interrupted.", err=True)
        return exit_codes.INTERRUPTED
    except ReconcileError as error:
        shown = visible if isinstance(error, Failure) else visible_lines
        click.echo(f"Error: {shown(str(error))}", err=True)
        if isinstance(error, InvalidInput):
            return exit_codes.INVALID
        return exit_codes.REFUSED if isinstance(error, Refused) else exit_codes.ERROR
    except OSError as error:
        click.echo(f"Error: {error}", err=True)
        return exit_codes.ERROR
    return code if isinstance(code, int) else exit_codes.OK


def main() -> None:
    _mend_streams()
    sys.exit(run(sys.argv[1:]))


def _mend_streams() -> None:
    """What a terminal cannot show is escaped, and a stream that was closed swallows what is written to it."""
    sys.stdin, sys.stdout, sys.stderr = (
        stream or open(os.devnull, mode, encoding="utf-8")  # noqa: SIM115 - for the whole process
        for stream, mode in ((sys.stdin, "r"), (sys.stdout, "w"), (sys.stderr, "w"))
    )
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


if __name__ == "__main__":
    main()
