"""The house keeps its floors: imports go down only, and outside things come in by one door each."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "controller"

FLOORS = {
    "entrypoints": 5,
    "bootstrap": 4,
    "generated": 5,
    "render": 3,
    "fleet": 3,
    "estimates": 3,
    "gatekeeper": 3,
    "listening": 3,
    "collect": 3,
    "invoicing": 3,
    "sources": 3,
    "reconcile": 3,
    "claims": 3,
    "agenda": 3,
    "passes": 3,
    "known": 3,
    "operating": 3,
    "triage": 3,
    "writing": 3,
    "manifests": 2,
    "kinds": 2,
    "prices": 2,
    "store": 2,
    "usage": 2,
    "aws": 2,
    "cluster": 2,
    "sandbox": 2,
    "domain": 1,
    "errors": 0,
}

DOORS = {
    "boto3": {"aws", "sandbox"},
    "botocore": {"aws", "sandbox"},
    "moto": {"sandbox"},
    "deepdiff": {"domain/diff.py"},
    "yaml": {"manifests", "prices", "store/tables.py", "render"},
    "click": {"entrypoints"},
    "rich": {"entrypoints", "render"},
    "kopf": {"entrypoints"},
    "aiohttp": {"cluster", "entrypoints"},
    "prometheus_client": {"entrypoints"},
    "duckdb": {"render/focus_file.py", "usage"},
    "reportlab": {"render/statement_pdf.py"},
}
"""Which parts of the house may import an outside library; what is not listed may be imported anywhere."""

PURE = {"socket", "os", "subprocess", "threading", "time", "random", "urllib", "http", "asyncio", "logging"}
"""What the domain never touches."""

MODULES = sorted(PACKAGE.rglob("*.py"))


def imports_of(module: Path) -> list[str]:
    """Absolute names of everything imported in a module, at the top or in a function."""
    names = []
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: relative imports hide where an arrow goes"
            names += [f"{node.module}.{alias.name}" for alias in node.names]
    return names


def part_of(module: Path) -> str:
    first = module.relative_to(PACKAGE).parts[0]
    return first.removesuffix(".py")


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_down_only(module: Path) -> None:
    part = part_of(module)
    if part == "__init__":
        return
    for name in imports_of(module):
        target = name.split(".")
        if target[0] != "controller" or len(target) < 2 or target[1] not in FLOORS:
            continue
        assert FLOORS[target[1]] <= FLOORS[part], f"{part} imports {name}, which is above it"


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_outside_libraries_come_in_by_their_door(module: Path) -> None:
    where = str(module.relative_to(PACKAGE))
    for name in imports_of(module):
        allowed = DOORS.get(name.split(".")[0])
        assert allowed is None or where in allowed or part_of(module) in allowed, f"{where} imports {name}"


@pytest.mark.parametrize("module", sorted((PACKAGE / "domain").glob("*.py")), ids=lambda path: path.name)
def test_the_domain_is_pure(module: Path) -> None:
    assert not {name.split(".")[0] for name in imports_of(module)} & PURE


def test_the_flow_knows_no_adapter() -> None:
    adapters = {part for part, floor in FLOORS.items() if floor == 2}
    names = ("reconcile", "fleet", "claims", "gatekeeper", "listening", "collect", "invoicing", "sources", "estimates")
    for module in (*(PACKAGE / f"{name}.py" for name in names), *(PACKAGE / "render").glob("*.py")):
        parts = {name.split(".")[1] for name in imports_of(module) if name.startswith("controller.")}
        assert not parts & adapters, f"{module.name} imports {parts & adapters}"


def test_the_sandbox_stands_alone() -> None:
    for module in (PACKAGE / "sandbox").glob("*.py"):
        parts = {name.split(".")[1] for name in imports_of(module) if name.startswith("controller.")}
        assert parts <= {"sandbox"}, f"{module.name} imports {parts}: a fake that shares our code shares our mistakes"


def test_only_bootstrap_and_the_registry_know_the_kinds() -> None:
    """What AWS says of a budget is read in one place, for the kind and for the usage."""
    for module in MODULES:
        if part_of(module) in ("kinds", "bootstrap", "generated"):
            continue
        kinds = {name for name in imports_of(module) if name.startswith("controller.kinds")}
        if part_of(module) == "usage":
            kinds -= {"controller.kinds.budget_state.parse_budget"}
        assert not kinds, f"{module.relative_to(PACKAGE)} imports a kind"
