"""The documentation is true: what it shows is what the tool prints, and what it lists is what the code has.

`UPDATE_DOCS=1 .venv/bin/pytest tests/test_docs.py` writes everything generated into the pages; read the difference
before you commit it. Three things are generated:

- blocks marked ```console: each `$ command` is run, in order down the page, on a local AWS of that page's own;
- what stands between `<!-- generated: NAME -->` and `<!-- end -->`;
- in docs/diagnostics.md, each rule's sentence and example; the lines from **Mend:** on are written by hand.
"""

import ast
import json
import os
import re
import shlex
import subprocess
import sys
import types
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from controller.bootstrap import powers
from controller.domain.bill import CUSTOMER_TAG
from controller.domain.diagnostic import RULES, Diagnostic
from controller.domain.gate import Policy, decide, turn
from controller.entrypoints import exit_codes
from controller.entrypoints.cli import cli, run
from controller.entrypoints.local import LOCAL
from controller.kinds import KINDS
from controller.manifests.files import load
from controller.manifests.settings_file import LoadedSettings, load_settings
from controller.render import gate_view
from controller.render.diagnostics import render_text
from controller.sandbox import Sandbox
from controller.sandbox.seed import seed
from controller.usage.export_sql import CUR2, Question
from tests.domain.gate_cases import CASES, NOW, WAS_OPEN, facts
from tests.entrypoints.well import metrics
from tests.operated import Kubectl, operated

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md")] + sorted(
    (ROOT / "docs").glob("*.md")
)
UPDATE = bool(os.environ.get("UPDATE_DOCS"))
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
GENERATED = re.compile(r"<!-- generated: ([\w-]+) -->\n(.*?)<!-- end -->", re.DOTALL)
DIAGNOSTICS = ROOT / "docs" / "diagnostics.md"
ADDING = ROOT / "docs" / "adding-a-kind.md"
NULL = {"type": "null"}
SPEC = {"customerId": "cust_abc123", "displayName": "Acme Genomics", "email": "admin@acme.com"}

every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def fences(page: Path, language: str) -> list[str]:
    return [match[2] for match in FENCE.finditer(page.read_text()) if match[1] == language]


def agree(page: Path, text: str) -> None:
    """The page says `text`, but for seconds and ports; or does from now on, with UPDATE_DOCS."""
    if timeless(page.read_text()) == timeless(text):
        return
    if UPDATE:
        page.write_text(text)
    else:
        assert timeless(page.read_text()).splitlines() == timeless(text).splitlines(), "run with UPDATE_DOCS=1"


def timeless(text: str) -> str:
    return re.sub(r"\d+\.\d s$", "0.0 s", re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:PORT", text), flags=re.MULTILINE)


# Console blocks


class World:
    """The seeded local AWS, a folder to work in, and the few commands that pages use."""

    def __init__(self, folder: Path, sandbox: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
        self._folder, self._sandbox, self._capsys = folder, sandbox, capsys
        self._code = 0
        self._cluster = ExitStack()
        self._kubectl: Kubectl | None = None

    def end(self) -> None:
        self._cluster.close()

    def write(self, block: str) -> None:
        """A block whose first line is `# name.yaml` is that file."""
        first = block.partition("\n")[0].removeprefix("# ")
        if re.fullmatch(r"[\w/]+\.yaml", first):
            path = self._folder / first
            path.parent.mkdir(exist_ok=True)
            path.write_text(block)

    def play(self, block: str) -> str:
        """The block with the commands that it had, and what they print now."""
        shown = []
        for line in block.splitlines():
            if line.startswith("$ "):
                output = "\n".join(part.rstrip() for part in self._execute(line[2:]).splitlines()).strip("\n")
                shown.append(f"{line}\n{output}".rstrip())
        return "\n".join(shown) + "\n"

    def _execute(self, line: str) -> str:
        line, _, tail = line.partition(" | tail -n ")
        program, *arguments = shlex.split(line)
        with pytest.MonkeyPatch.context() as environment:
            while "=" in program:
                environment.setenv(*program.split("=", 1))
                program, *arguments = arguments
            if program == "reconcile":
                return self._reconcile(arguments, int(tail or 0))
            programs = {"aws": self._aws, "rm": self._rm, "echo": self._echo, "kubectl": self._in_cluster}
            return programs[program](arguments)

    def _in_cluster(self, arguments: list[str]) -> str:
        """The cluster of the page, with the operator in it, is there from the first kubectl on."""
        if self._kubectl is None:
            self._kubectl = self._cluster.enter_context(operated(self._sandbox.now))
        return self._kubectl(arguments)

    def _reconcile(self, arguments: list[str], tail: int) -> str:
        """What a terminal shows. A pipe to tail shortens stdout only."""
        self._capsys.readouterr()
        self._code = run(arguments)
        out, err = self._capsys.readouterr()
        return "\n".join([*out.splitlines()[-tail:], *err.splitlines()])

    def _aws(self, arguments: list[str]) -> str:
        """`aws SERVICE OPERATION --parameter value`, a value that begins with a brace being JSON."""
        service, operation, *options = arguments
        client = self._sandbox.client({"s3api": "s3"}.get(service, service))
        parameters = {
            "".join(word.capitalize() for word in name.removeprefix("--").split("-")): json.loads(value)
            if value.startswith("{")
            else value
            for name, value in zip(options[::2], options[1::2], strict=True)
        }
        getattr(client, operation.replace("-", "_"))(**parameters)
        return ""

    def _rm(self, arguments: list[str]) -> str:
        for name in arguments:
            (self._folder / name).unlink()
        return ""

    def _echo(self, arguments: list[str]) -> str:
        assert arguments == ["$?"]
        return f"{self._code}\n"


@pytest.fixture
def world(
    tmp_path: Path, local_environment: Sandbox, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[World]:
    """What `reconcile sandbox` serves, at the root of a checkout."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("controller.bootstrap.utc_now", local_environment.now)
    monkeypatch.setattr("controller.entrypoints.terminal.width", lambda: 100)
    for name, value in LOCAL.items():
        monkeypatch.setenv(name, value)
    for folder in ("config", "customers"):
        (tmp_path / folder).mkdir()
        for file in (ROOT / folder).iterdir():
            (tmp_path / folder / file.name).write_text(file.read_text())
    seed(local_environment)
    run(["init", "--aws"])
    world = World(tmp_path, local_environment, capsys)
    yield world
    world.end()


@pytest.mark.parametrize("page", [page for page in PAGES if fences(page, "console")], ids=lambda page: page.name)
def test_the_output_shown_is_what_the_tool_prints(page: Path, world: World) -> None:
    def replay(match: re.Match[str]) -> str:
        language, block = match[1], match[2]
        if language == "yaml":
            world.write(block)
        return f"```console\n{world.play(block)}```" if language == "console" else match[0]

    agree(page, FENCE.sub(replay, page.read_text()))


# YAML and Python


def yaml_blocks() -> Iterator[Any]:
    for page in PAGES:
        for number, block in enumerate(fences(page, "yaml"), start=1):
            yield pytest.param(block, id=f"{page.name}-{number}")


@pytest.mark.parametrize("block", list(yaml_blocks()))
def test_yaml_shown_is_valid(block: str, tmp_path: Path) -> None:
    """A whole manifest, `spec:` of one, or some settings; but for others' files, and for what is wrong on purpose."""
    document = yaml.safe_load(block)
    if block.startswith(("# .github/", "# typo.yaml", "# my-overlay/")):
        return
    if "spec" in document:
        path = tmp_path / "manifest.yaml"
        metadata = {"apiVersion": "billing.daylily.io/v1alpha1", "kind": "Customer", "metadata": {"name": "acme"}}
        whole = {**metadata, **document, "spec": {**SPEC, **document["spec"]}}
        path.write_text(block if "kind" in document else json.dumps(whole))
        found = load([path], LoadedSettings()).diagnostics
    else:
        path = tmp_path / "settings.yaml"
        path.write_text(block)
        found = load_settings(path, {}, {}).diagnostics
    assert render_text(found) == ""


def test_the_kind_of_the_worked_example_keeps_style_and_types(tmp_path: Path) -> None:
    (block,) = fences(ADDING, "python")
    path = tmp_path / "quota_alarm.py"
    path.write_text(block)
    config = ["--config", str(ROOT / "pyproject.toml")]

    for command in (
        ["ruff", "check", *config, str(path)],
        ["ruff", "format", "--check", *config, str(path)],
        ["mypy", "--strict", str(path)],
    ):
        answer = subprocess.run([sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, check=False)
        assert answer.returncode == 0, answer.stdout + answer.stderr


def test_the_kind_of_the_worked_example_is_applied_drifts_and_heals(
    world: World, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    (block,) = fences(ADDING, "python")
    module = types.ModuleType("quota_alarm")
    monkeypatch.setitem(sys.modules, "quota_alarm", module)
    exec(compile(block, "quota_alarm.py", "exec"), module.__dict__)
    monkeypatch.setattr("controller.bootstrap.CUSTOMER_KINDS", (module.__dict__["QuotaAlarms"],))
    plan, apply = ["--plan", "--detailed-exitcode"], ["--apply", "--yes"]
    cloudwatch = sandbox.client("cloudwatch", region="us-west-2")
    name = "daylily-daylily-customer-acme-genomics-quota"

    assert [run(plan), run(apply), run(plan)] == [2, 0, 0]
    assert cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"][0]["Threshold"] == 5000 * 2**30
    cloudwatch.delete_alarms(AlarmNames=[name])
    assert [run(plan), run(apply), run(plan)] == [2, 0, 0]
    Path("customers/acme.yaml").write_text(Path("customers/acme.yaml").read_text().replace("    quotaGiB: 5000\n", ""))
    assert [run(apply), run(plan)] == [0, 0]
    assert cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"] == []


# Generated parts


def fields(schema: Mapping[str, Any], part: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any, bool]]:
    """Every field that takes a value, or a mapping of free keys: its path, its schema, whether it is required."""
    for name, written in part.get("properties", {}).items():
        here, field = f"{path}.{name}".lstrip("."), resolved(schema, written)
        if field.get("description") == "Written by Kubernetes; ignored.":
            continue
        inner = resolved(schema, field["items"]) if "items" in field else field
        if inner.get("properties") and "items" in field:
            yield here, {**field, "items": {"type": "mapping"}}, name in part.get("required", ())
        if inner.get("properties"):
            yield from fields(schema, inner, here + "[]" * ("items" in field))
        else:
            yield here, field, name in part.get("required", ())


def resolved(schema: Mapping[str, Any], part: Mapping[str, Any]) -> dict[str, Any]:
    """`part` with what it refers to, and whether it may be null."""
    choices = [one for one in part.get("anyOf", ()) if one != NULL]
    if NULL in part.get("anyOf", ()):
        part = {**part, "nullable": True}
    if len(choices) == 1:
        part = {**choices[0], **{key: value for key, value in part.items() if key != "anyOf"}}
    if "$ref" in part:
        return {**schema["$defs"][part["$ref"].rpartition("/")[2]], **part}
    return dict(part)


def kind_of(field: Mapping[str, Any]) -> str:
    """Type and limits in words."""
    return type_of(field) + " or `null`" * ("nullable" in field)


def type_of(field: Mapping[str, Any]) -> str:
    choices = [one for one in field.get("anyOf", ()) if one != NULL]
    if "const" in field:
        return f"`{field['const']}`"
    if "enum" in field:
        return " or ".join(f"`{one}`" for one in field["enum"])
    if choices:
        over = "over " * ("exclusiveMinimum" in choices[0])
        low = choices[0].get("minimum", choices[0].get("exclusiveMinimum"))
        return f"whole number or quoted decimal, {over}{low:,} to {choices[0]['maximum']:,}"
    match field.get("type"):
        case "string":
            lengths = bounds(field, "minLength", "maxLength")
            return f"text, {lengths} characters" if field.get("minLength") != field.get("maxLength") else "text"
        case "integer":
            return f"whole number, {bounds(field, 'minimum', 'maximum')}"
        case "boolean":
            return "`true` or `false`"
        case "array":
            count, inner = bounds(field, "minItems", "maxItems"), type_of(field["items"])
            return f"list, {count} of them" if inner == "anything" else f"list of {inner}; {count} of them"
        case "object":
            return f"mapping of text to text, at most {field['maxProperties']}"
    return "anything"


def bounds(field: Mapping[str, Any], low: str, high: str) -> str:
    return f"{field.get(low, 0):,} to {field[high]:,}" if high in field else f"{field[low]:,} or more"


def default_of(field: Mapping[str, Any], required: bool) -> str:
    if required:
        return "required"
    value = field.get("default")
    if isinstance(value, list):
        value = [int(one) if str(one).isdigit() else one for one in value]
    text = value if isinstance(value, str) else json.dumps(value)
    return "–" if value is None else f"`{text}`"


def table(head: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines) + "\n"


def manifest_fields() -> str:
    schema = json.loads((ROOT / "schemas" / "customer.schema.json").read_text())
    rows = (
        (f"`{path}`", kind_of(field), default_of(field, required), field.get("description", ""))
        for path, field, required in fields(schema, schema)
    )
    return table(("field", "value", "default", "meaning"), rows)


def settings_keys() -> str:
    schema = json.loads((ROOT / "schemas" / "settings.schema.json").read_text())
    rows = (
        (f"`{path}`", kind_of(field), default_of(field, required), field.get("description", ""), variable(path))
        for path, field, required in fields(schema, schema)
    )
    return table(("key", "value", "default", "meaning", "variable"), rows)


def variable(path: str) -> str:
    """A list is one variable, its elements have none."""
    whole = path.partition("[")[0]
    name = f"`RECONCILE_{whole.upper().replace('.', '__')}`"
    return name if whole == path else f"within {name}"


def commands() -> str:
    return "\n".join(command_section(name, command) for name, command in sorted(cli.commands.items()))


def command_section(name: str, command: click.Command) -> str:
    arguments = [one.make_metavar(click.Context(command)) for one in command.params if isinstance(one, click.Argument)]
    usage = " ".join(["reconcile", name, "[OPTIONS]", *arguments])
    rows = (
        (", ".join(f"`{one}`" for one in option.opts), option_value(option), option.help or "")
        for option in command.params
        if isinstance(option, click.Option)
    )
    return f"### {name}\n\n{command.help}\n\n    {usage}\n\n{table(('option', 'value', 'meaning'), rows)}"


def option_value(option: click.Option) -> str:
    if option.is_flag:
        return "–"
    if isinstance(option.type, click.Choice):
        default = f"; default `{option.default}`" if isinstance(option.default, str) else ""
        return ", ".join(f"`{one}`" for one in option.type.choices) + default
    return f"`{option.metavar}`" if option.metavar else f"whole number; default {option.default}"


def conditions() -> str:
    said = {kind.condition: f"told by the kind `{kind.name}`" for kind in KINDS if kind.condition}
    return table(("condition", "of"), ((f"`{name}`", words) for name, words in sorted(said.items())))


def permissions() -> str:
    rows = ((f"`{kind.name}`", ", ".join(f"`{one}`" for one in sorted(kind.permissions))) for kind in KINDS)
    return table(("kind", "IAM actions"), rows)


def gate_cases() -> str:
    rows = ((case.before, case.known, f"**{case.state}**", f"`{case.reason}`", case.why) for case in CASES)
    return table(("before", "what is known", "gate", "reason", "why"), rows)


def gate_example() -> str:
    previous = replace(WAS_OPEN, customer_id="cust_abc123")
    gate = decide("cust_abc123", facts(480, accrued=Decimal("32.30")), previous, Policy())
    entry = turn(previous, gate, "ann on laptop, process 4711", NOW)
    page = gate_view.details(gate, NOW, [entry] if entry else [])
    return f"```text\n$ reconcile gate cust_abc123 --history\n{page}```\n"


def allowances() -> str:
    return table(("name", "allows that"), ((f"`{name}`", words) for name, words in sorted(powers().items())))


def export_query() -> str:
    question = Question(CUR2, "UnblendedCost", [CUSTOMER_TAG])
    text = question.sql("athena", "billing.daylily_costs", "billing_period = '2024-01'")
    return "```sql\n" + text.replace(" WHEN ", "\n    WHEN ").replace(" OR line", "\n      OR line") + "```\n"


def operator_metrics() -> str:
    rows = (
        (
            f"`{one.name}{'_total' * (one.type == 'counter')}`",
            ", ".join(f"`{label}`" for label in sorted(labels - {"le"})),
            one.documentation,
        )
        for one, labels in metrics()
    )
    return table(("metric", "labels", "meaning"), rows)


GENERATORS: Mapping[str, Callable[[], str]] = {
    "manifest-fields": manifest_fields,
    "settings-keys": settings_keys,
    "commands": commands,
    "conditions-of-kinds": conditions,
    "permissions": permissions,
    "powers": allowances,
    "gate-cases": gate_cases,
    "gate-example": gate_example,
    "export-query": export_query,
    "operator-metrics": operator_metrics,
}


@every_page
def test_generated_parts_are_fresh(page: Path) -> None:
    def renew(match: re.Match[str]) -> str:
        return f"<!-- generated: {match[1]} -->\n{GENERATORS[match[1]]()}<!-- end -->"

    agree(page, GENERATED.sub(renew, page.read_text()))


def test_every_generated_part_stands_somewhere() -> None:
    assert {match[1] for page in PAGES for match in GENERATED.finditer(page.read_text())} == set(GENERATORS)


# Diagnostics


def examples(tmp_path: Path) -> dict[str, str]:
    """One diagnostic for each rule, as the tool prints it: the first that a bad document of the tests meets."""
    bad = ROOT / "tests" / "manifests"
    found: dict[str, str] = {}

    def take(diagnostics: tuple[Diagnostic, ...], path: Path, name: str) -> None:
        for one in diagnostics:
            text = render_text((one,)).replace(str(path), name).partition("\nFound ")[0].rstrip() + "\n"
            found.setdefault(one.rule, "\n".join(line.rstrip() for line in text.splitlines()))

    for path in sorted((bad / "bad").glob("*.yaml")):
        take(load([path], LoadedSettings()).diagnostics, path, "customers/acme.yaml")
    for path in sorted((bad / "bad_settings").glob("*.yaml")):
        take(load_settings(path, {}, {}).diagnostics, path, "config/billing_config.yaml")
    for name, content in {"large": b"#" * (2**20 + 1), "latin": "displayName: Löwe".encode("latin-1")}.items():
        path = tmp_path / f"{name}.yaml"
        path.write_bytes(content)
        take(load([path], LoadedSettings()).diagnostics, path, "customers/acme.yaml")
    (tmp_path / "empty").mkdir()
    take(load([tmp_path / "empty"], LoadedSettings()).diagnostics, tmp_path / "empty", "customers")
    take(load([tmp_path / "none"], LoadedSettings()).diagnostics, tmp_path / "none", "customers/acme.yaml")
    take(
        load([foreign_topic(tmp_path)], known_account(tmp_path)).diagnostics,
        tmp_path / "topic.yaml",
        "customers/acme.yaml",
    )
    return found


def foreign_topic(tmp_path: Path) -> Path:
    text = (ROOT / "customers" / "acme.yaml").read_text()
    arn = "arn:aws:sns:us-west-2:999999999999:alerts"
    path = tmp_path / "topic.yaml"
    path.write_text(
        text.replace("{atPercent: 80, notify: [email, sns]}", f"{{atPercent: 80, notify: [sns], topicArn: {arn}}}")
    )
    return path


def known_account(tmp_path: Path) -> LoadedSettings:
    path = tmp_path / "settings.yaml"
    path.write_text('accounts: [{name: default, id: "123456789012"}]\n')
    return load_settings(path, {}, {})


def test_every_rule_is_explained_with_an_example_and_its_mend(tmp_path: Path) -> None:
    shown = examples(tmp_path)
    assert shown.keys() == RULES.keys()
    head, *sections = re.split(r"^(?=### )", DIAGNOSTICS.read_text(), flags=re.MULTILINE)
    documented = [section.partition("\n")[0].removeprefix("### ") for section in sections]
    assert sorted(documented) == sorted(RULES)

    def renewed(section: str, rule: str) -> str:
        _, marker, mend = section.partition("**Mend:**")
        assert marker, f"{rule} has no mend"
        return f"### {rule}\n\n{RULES[rule]}\n\n```text\n{shown[rule]}\n```\n\n**Mend:**{mend}"

    agree(DIAGNOSTICS, head + "".join(map(renewed, sections, documented)))


# Names


def test_exit_codes_are_documented() -> None:
    codes = {value for name, value in vars(exit_codes).items() if name.isupper()}
    for page in (ROOT / "README.md", ROOT / "docs" / "commands.md"):
        assert {int(code) for code in re.findall(r"^\| (\d+) \|", page.read_text(), re.MULTILINE)} == codes


def test_kinds_are_documented() -> None:
    readme = (ROOT / "README.md").read_text()
    assert {kind.name for kind in KINDS} == set(re.findall(r"^\| `(\w+)` \|", readme, re.MULTILINE))


TELLING = (
    "domain/status.py", "passes.py", "fleet.py", "claims.py", "triage.py", "render/resource_status.py",
    "render/resource_events.py",
)  # fmt: skip
"""Where the types and reasons of conditions and Events come from."""
OTHER_WORDS = {
    "True", "False", "Unknown", "Normal", "Warning", "Status", "FleetPlan", "Owners", "Observing", "Applying", "Code",
    "Point", "InSync", "Pending", "Waiting", "Failed", "Open", "Warned",
}  # fmt: skip


def test_types_and_reasons_of_conditions_and_events_are_documented() -> None:
    page = (ROOT / "docs" / "kubernetes.md").read_text()
    nodes = (node for name in TELLING for node in ast.walk(ast.parse((ROOT / "controller" / name).read_text())))
    words = {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    told = {word for word in words if re.fullmatch(r"[A-Z][a-z]+[A-Za-z]*", word)} - OTHER_WORDS
    assert len(told) > 30
    assert {word for word in told if f"`{word}" not in page} == set()


def code_of(page: Path) -> Iterator[str]:
    """Every line of code and every code span."""
    text = page.read_text()
    for match in FENCE.finditer(text):
        yield from match[2].splitlines()
    yield from re.findall(r"`([^`\n]+)`", FENCE.sub("", text))


@every_page
def test_commands_and_options_shown_exist(page: Path) -> None:
    for line in code_of(page):
        words = line.removeprefix("$ ").strip().removeprefix(".venv/bin/").split(" | ")[0].split()
        if len(words) < 2 or words[0] != "reconcile":
            continue
        name = words[1].removeprefix("--")
        if name in ("version", "help"):
            continue
        assert name in cli.commands, line
        known = {opt for one in cli.commands[name].params for opt in one.opts} | {"--help", "--plan", "--apply"}
        assert {word for word in words[1:] if word.startswith("-")} <= known, line


@every_page
def test_variables_shown_exist(page: Path) -> None:
    schema = json.loads((ROOT / "schemas" / "settings.schema.json").read_text())
    known = {path.partition("[")[0].upper().replace(".", "__") for path, _, _ in fields(schema, schema)}

    assert set(re.findall(r"RECONCILE_([A-Z_]+[A-Z])", page.read_text())) <= known


@every_page
def test_links_lead_somewhere(page: Path) -> None:
    for words, target in re.findall(r"\[([^\]]*)\]\(([^)\s]+)\)", page.read_text()):
        if target.startswith("https://"):
            continue
        file, _, anchor = target.partition("#")
        path = (page.parent / file).resolve() if file else page
        assert path.exists(), f"{page.name}: {target}"
        assert path.is_relative_to(ROOT)
        if anchor:
            assert anchor in {slug(line) for line in path.read_text().splitlines() if line.startswith("#")}, target
        if path.suffix == ".py" and (name := re.fullmatch(r"`(?:\w+\.)?(\w+)(?:\(\))?`", words)):
            defined = rf"^\s*(?:def|class) {name[1]}\b|^{name[1]}\b.* = "
            assert re.search(defined, path.read_text(), re.MULTILINE), f"{words} is not in {target}"


def slug(heading: str) -> str:
    return re.sub(r"[^\w -]", "", heading.lstrip("#").strip().lower()).replace(" ", "-")


@every_page
def test_the_project_speaks_of_itself_alone(page: Path) -> None:
    strangers = r"pypi|pythonhosted|npmjs|\.\./shared|(?<!\w)/(?:work|home|root|Users|tmp)/|\bsubagent|\bissue \d"
    assert not re.findall(strangers, page.read_text(), re.IGNORECASE)


def test_the_models_say_what_every_field_means() -> None:
    for name in ("customer.schema.json", "settings.schema.json"):
        schema = json.loads((ROOT / "schemas" / name).read_text())
        assert [path for path, field, _ in fields(schema, schema) if not field.get("description")] == []
