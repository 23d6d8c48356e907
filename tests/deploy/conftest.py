"""The folders of deploy/ that are applied as they are."""

from pathlib import Path

import pytest

from tests.deploy.kustomize import Object, render

ROOT = Path(__file__).parent.parent.parent
DEPLOY = ROOT / "deploy"
ENTRIES = {
    "base": DEPLOY,
    "cluster-wide": DEPLOY / "overlays" / "cluster-wide",
    "high-availability": DEPLOY / "overlays" / "high-availability",
    "eks": DEPLOY / "overlays" / "eks",
}


@pytest.fixture(params=ENTRIES)
def manifests(request: pytest.FixtureRequest) -> list[Object]:
    return render(ENTRIES[request.param])


@pytest.fixture
def deployment(manifests: list[Object]) -> Object:
    (found,) = (one for one in manifests if one["kind"] == "Deployment")
    return found
