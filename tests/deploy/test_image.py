"""The Dockerfile, as far as it can be judged without building it."""

import fnmatch
import re
import shlex

from tests.deploy.conftest import DEPLOY, ROOT

DOCKERFILE = (DEPLOY / "Dockerfile").read_text()
STEPS = re.sub(r"\\\n", " ", re.sub(r"^\s*#.*\n", "", DOCKERFILE, flags=re.MULTILINE)).splitlines()


def steps(instruction: str) -> list[str]:
    return [line.removeprefix(instruction).strip() for line in STEPS if line.startswith(f"{instruction} ")]


def test_what_is_copied_is_there_and_not_ignored() -> None:
    rules = (ROOT / ".dockerignore").read_text().splitlines()
    kept = {rule.removeprefix("!") for rule in rules if rule.startswith("!")}
    copied = {name for step in steps("COPY") if "--from" not in step for name in shlex.split(step)[:-1]}

    assert "*" in rules
    assert copied == kept
    assert all((ROOT / name).exists() for name in copied)
    assert not any(fnmatch.fnmatch(name, "*.env") for name in kept)


def test_nobody_is_root_and_the_cluster_can_see_that() -> None:
    assert steps("USER") == ["65532:65532"]


def test_what_is_installed_is_pinned() -> None:
    (run,) = steps("RUN")
    for command in run.split("&&"):
        if "pip" in command and "install" in command:
            assert "-c constraints.txt" in command


def test_one_image_runs_every_command() -> None:
    assert steps("ENTRYPOINT") == ['["reconcile"]']
    assert steps("CMD") == []
    assert "[operator]" in DOCKERFILE


def test_a_root_that_is_read_only_will_do() -> None:
    (environment,) = steps("ENV")
    assert {"PYTHONDONTWRITEBYTECODE=1", "HOME=/tmp"} <= set(environment.split())
