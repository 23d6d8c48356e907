"""What a test may ask of a cluster, be it the fake one of this package or a real one."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

Object = dict[str, Any]
"""A Kubernetes object as JSON: apiVersion, kind, metadata and the rest."""

T = TypeVar("T")

ANYWHERE = ""
"""As a namespace: all of them."""


class Cluster(Protocol):
    """A cluster to create, look at and change objects in, synchronously and as an administrator.

    A resource is named by its plural, `customers`, or with its group where the plural is not enough,
    `customers.billing.daylily.io`. Where no namespace is given it is the object's own, else `namespace`; resources
    without namespaces ignore it. What the server refuses is raised as an `ApiError`.
    """

    @property
    def kubeconfig(self) -> Path:
        """The file that leads the operator under test to this cluster."""

    @property
    def namespace(self) -> str:
        """A namespace that exists and is the test's own."""

    @property
    def version(self) -> tuple[int, int]:
        """Of Kubernetes, as (1, 32)."""

    def create(self, object: Object, *, namespace: str | None = None) -> Object: ...

    def get(self, resource: str, name: str, *, namespace: str | None = None) -> Object: ...

    def list(self, resource: str, *, namespace: str | None = None, labels: str = "", fields: str = "") -> list[Object]:
        """In the order of namespace and name. `labels` and `fields` are selectors."""

    def replace(self, object: Object) -> Object:
        """PUT. The object carries the resourceVersion that it replaces."""

    def patch(
        self,
        resource: str,
        name: str,
        patch: Mapping[str, Any] | Sequence[Mapping[str, Any]],
        *,
        namespace: str | None = None,
        subresource: str = "",
    ) -> Object:
        """A mapping is a merge patch, in which None deletes; a sequence is a JSON patch."""

    def put_status(
        self, resource: str, name: str, status: Mapping[str, Any], *, namespace: str | None = None
    ) -> Object:
        """Make this the whole status, whatever it was before."""

    def delete(self, resource: str, name: str, *, namespace: str | None = None) -> None:
        """Ask for the deletion; an object with finalizers stays until they are gone."""

    def wait(
        self,
        resource: str,
        name: str,
        until: Callable[[Object | None], bool],
        *,
        namespace: str | None = None,
        timeout: float = 10,
    ) -> Object | None:
        """The object once `until` says yes to it; None stands for an absent one. TimeoutError shows the last seen."""

    def eventually(self, look: Callable[[], T], *, timeout: float = 10) -> T:
        """The first answer of `look` that is true. It is asked after every write, and every now and then."""
