"""Which resources exist: the built-in ones that are served, and those of the CRDs that were created."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from tests.cluster.admission import EventRules, Schema, SchemaOf
from tests.cluster.answers import no_such_resource
from tests.cluster.protocol import Object

VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a Table, as additionalPrinterColumns tells it."""

    name: str
    path: str
    type: str = "string"
    priority: int = 0
    format: str = ""
    description: str = ""


AGE = Column("Age", ".metadata.creationTimestamp", "date")


@dataclass(frozen=True, slots=True)
class Resource:
    """One version of one resource, and how its objects may be written."""

    group: str
    version: str
    plural: str
    singular: str
    kind: str
    namespaced: bool = True
    status: bool = False
    """Has a status subresource."""
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    verbs: tuple[str, ...] = VERBS
    columns: tuple[Column, ...] = (AGE,)
    selectable: tuple[str, ...] = ()
    """Paths of the fields that a fieldSelector may name, besides metadata.name and metadata.namespace."""
    generations: bool = False
    """Carries metadata.generation."""
    blind_updates: bool = True
    """May be replaced without saying which version is replaced."""
    put_creates: bool = False
    custom: bool = False
    """Of a CRD."""
    schema: Schema | None = None
    open_api: Object | None = None

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def shelf(self) -> tuple[str, str]:
        """What all versions of one resource share."""
        return self.group, self.plural

    @property
    def names(self) -> tuple[str, ...]:
        return self.plural, self.singular, *self.short_names, f"{self.plural}.{self.group}"


NAMESPACES = Resource(
    "",
    "v1",
    "namespaces",
    "namespace",
    "Namespace",
    namespaced=False,
    status=True,
    short_names=("ns",),
    columns=(Column("Status", ".status.phase"), AGE),
    selectable=("status.phase",),
)
CRDS = Resource(
    "apiextensions.k8s.io",
    "v1",
    "customresourcedefinitions",
    "customresourcedefinition",
    "CustomResourceDefinition",
    namespaced=False,
    status=True,
    short_names=("crd", "crds"),
    categories=("api-extensions",),
    columns=(Column("Created At", ".metadata.creationTimestamp"),),
    generations=True,
    blind_updates=False,
)
EVENTS = Resource(
    "",
    "v1",
    "events",
    "event",
    "Event",
    short_names=("ev",),
    columns=(
        Column("Last Seen", ".lastTimestamp", "date"),
        Column("Type", ".type"),
        Column("Reason", ".reason"),
        Column("Object", ".involvedObject.name"),
        Column("Message", ".message"),
    ),
    selectable=(
        "involvedObject.kind",
        "involvedObject.namespace",
        "involvedObject.name",
        "involvedObject.uid",
        "involvedObject.apiVersion",
        "involvedObject.resourceVersion",
        "involvedObject.fieldPath",
        "reason",
        "reportingComponent",
        "source.component",
        "type",
    ),
    put_creates=True,
    schema=EventRules(),
)


def _review(plural: str, kind: str) -> Resource:
    return Resource(
        "authorization.k8s.io", "v1", plural, kind.lower(), kind, namespaced=False, verbs=("create",), columns=()
    )


BUILT_IN = (
    NAMESPACES,
    EVENTS,
    Resource("", "v1", "configmaps", "configmap", "ConfigMap", short_names=("cm",)),
    Resource("", "v1", "secrets", "secret", "Secret", columns=(Column("Type", ".type"), AGE), selectable=("type",)),
    Resource("", "v1", "serviceaccounts", "serviceaccount", "ServiceAccount", short_names=("sa",)),
    Resource(
        "coordination.k8s.io",
        "v1",
        "leases",
        "lease",
        "Lease",
        columns=(Column("Holder", ".spec.holderIdentity"), AGE),
        blind_updates=False,
        put_creates=True,
    ),
    CRDS,
    _review("selfsubjectaccessreviews", "SelfSubjectAccessReview"),
    _review("subjectaccessreviews", "SubjectAccessReview"),
)


class Resources:
    """The served resources, by group, version and plural."""

    def __init__(self, schemas: SchemaOf) -> None:
        self._schemas = schemas
        self._served = {(known.group, known.version, known.plural): known for known in BUILT_IN}

    def __iter__(self) -> Iterator[Resource]:
        return iter(tuple(self._served.values()))

    def at(self, group: str, version: str, plural: str) -> Resource:
        """The resource of a URL. A 404 where there is none."""
        try:
            return self._served[group, version, plural]
        except KeyError:
            raise no_such_resource() from None

    def called(self, name: str) -> Resource:
        """By plural, singular, short name or plural.group; the preferred version of it."""
        found = [known for known in self if name in known.names]
        if not found:
            raise no_such_resource()
        return min(found, key=lambda known: version_rank(known.version))

    def of(self, object: Object) -> Resource:
        """The resource that an object is of, by its apiVersion and kind."""
        for known in self:
            if (known.api_version, known.kind) == (object.get("apiVersion"), object.get("kind")):
                return known
        raise no_such_resource()

    def serve(self, crd: Object) -> None:
        """Let a CRD's served versions exist, and no other of its resource."""
        defined = self.defined_by(crd)
        self.forget(crd)
        self._served |= {(known.group, known.version, known.plural): known for known in defined}

    def defined_by(self, crd: Object) -> list[Resource]:
        """The versions that a CRD serves. Invalid where the schema of one is."""
        entries = [entry for entry in crd["spec"]["versions"] if entry["served"]]
        return [_custom(crd["spec"], entry, self._schemas(entry)) for entry in entries]

    def forget(self, crd: Object) -> None:
        shelf = (crd["spec"]["group"], crd["spec"]["names"]["plural"])
        self._served = {key: known for key, known in self._served.items() if known.shelf != shelf}


def version_rank(version: str) -> tuple[int, int, int, str]:
    """Sorts versions as the server prefers them: v2, v1, v1beta2, v1beta1, v1alpha1, then others by name."""
    match = re.fullmatch(r"v(\d+)(?:(alpha|beta)(\d+))?", version)
    if not match:
        return 3, 0, 0, version
    major, stage, minor = match.groups()
    return {None: 0, "beta": 1, "alpha": 2}[stage], -int(major), -int(minor or 0), version


def _custom(spec: Object, entry: Object, schema: Schema) -> Resource:
    names = spec["names"]
    columns = tuple(_column(column) for column in entry.get("additionalPrinterColumns", ()))
    return Resource(
        group=spec["group"],
        version=entry["name"],
        plural=names["plural"],
        singular=names.get("singular", names["kind"].lower()),
        kind=names["kind"],
        namespaced=spec["scope"] == "Namespaced",
        status="status" in entry.get("subresources", {}),
        short_names=tuple(names.get("shortNames", ())),
        categories=tuple(names.get("categories", ())),
        columns=columns or (AGE,),
        selectable=tuple(field["jsonPath"].lstrip(".") for field in entry.get("selectableFields", ())),
        generations=True,
        blind_updates=False,
        custom=True,
        schema=schema,
        open_api=entry.get("schema", {}).get("openAPIV3Schema"),
    )


def _column(column: Object) -> Column:
    return Column(
        name=column["name"],
        path=column["jsonPath"],
        type=column["type"],
        priority=column.get("priority", 0),
        format=column.get("format", ""),
        description=column.get("description", ""),
    )
