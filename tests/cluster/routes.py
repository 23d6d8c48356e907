"""HTTP: a request in, the verb of the object store that it asks for, and the answer in the form that it asks for."""

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

import yaml
from aiohttp import web

from tests.cluster import discovery, openapi, protobuf
from tests.cluster.access import Access
from tests.cluster.answers import ApiError, no_such_resource, success
from tests.cluster.asked import Asked, Requests, understood
from tests.cluster.faults import Faults
from tests.cluster.objects import Objects, Options
from tests.cluster.protocol import Object
from tests.cluster.resources import Resource
from tests.cluster.selectors import Selector, selector
from tests.cluster.serving import BODY_LIMIT, cut
from tests.cluster.storage import Stored, encode
from tests.cluster.tables import table
from tests.cluster.watch import Pace, Watch

INITIAL_EVENTS_END = "k8s.io/initial-events-end"


@dataclass
class Routes:
    """Answers every request. `url` is what the server says its own address is."""

    objects: Objects
    access: Access
    clock: Callable[[], datetime]
    bookmark_interval: float
    """Seconds between two bookmarks of a watch that allows them."""
    url: str = ""
    requests: Requests = field(default_factory=Requests)
    answers: Counter[int] = field(default_factory=Counter)
    """How many requests were answered with each HTTP status."""
    faults: Faults = field(default_factory=Faults)
    watches: dict[Watch, web.BaseRequest] = field(default_factory=dict)

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        try:
            response = await self._met(request)
        except ApiError as error:
            response = _refusal(error)
        except web.HTTPRequestEntityTooLarge:
            response = _refusal(ApiError(413, f"Request entity too large: limit is {BODY_LIMIT}"))
        self.answers[response.status] += 1
        return response

    async def _met(self, request: web.BaseRequest) -> web.StreamResponse:
        asked = understood(request.method, request.raw_path, self.access.user(request.headers), request.headers)
        self.requests.add(asked)
        if self.faults.latency:
            await asyncio.sleep(self.faults.latency)
        fault = self.faults.next_for(asked)
        if fault and fault.error:
            raise fault.error
        self.access.check(asked)
        response = await self._answer(request, asked)
        if fault:
            cut(request)
        return response

    async def _answer(self, request: web.BaseRequest, asked: Asked) -> web.StreamResponse:
        if not asked.plural:
            return self._about(request, asked)
        resource = self.objects.resources.at(asked.group, asked.version, asked.plural)
        if resource.namespaced is not bool(asked.namespace) and (asked.name or asked.namespace):
            raise no_such_resource()
        if asked.verb not in resource.verbs or not _may_be_done(resource, asked):
            raise ApiError(405, "the server does not allow this method on the requested resource")
        if asked.subresource and not (asked.subresource == "status" and resource.status):
            raise no_such_resource()
        if asked.verb == "watch":
            return await self._watch(request, resource, asked)
        body = _read(request, await request.read()) if request.body_exists else None
        return self._done(request, resource, asked, body)

    def _done(self, request: web.BaseRequest, resource: Resource, asked: Asked, body: Any) -> web.StreamResponse:
        if resource.group == "authorization.k8s.io":
            return _json(self.access.review(asked.user, body), 201)
        if asked.verb in ("get", "list"):
            return self._read(request, resource, asked)
        if asked.verb in ("delete", "deletecollection"):
            return self._deleted(resource, asked, body or {})
        return self._written(request, resource, asked, body)

    def _read(self, request: web.BaseRequest, resource: Resource, asked: Asked) -> web.StreamResponse:
        if asked.verb == "get":
            stored = self.objects.get(resource, asked.namespace, asked.name)
            if _wants_table(request):
                return _json(self._table(resource, asked, [stored], _list_metadata(stored)))
            return _encoded(stored.encoded_as(resource.api_version))
        self._check_list_version(asked)
        page = self.objects.page(
            resource,
            asked.namespace,
            _selector(resource, asked),
            limit=_number(asked, "limit") or 0,
            more=asked.parameter("continue"),
        )
        metadata: Object = {"resourceVersion": str(page.version)}
        if page.more:
            metadata["continue"] = page.more
        if page.more and page.remaining is not None:
            metadata["remainingItemCount"] = page.remaining
        if _wants_table(request):
            return _json(self._table(resource, asked, page.items, metadata))
        return _encoded(_list(resource, page.items, metadata))

    def _written(self, request: web.BaseRequest, resource: Resource, asked: Asked, body: Any) -> web.StreamResponse:
        if body is None:
            raise ApiError(400, "the request has no body")
        shelf = self.objects.store.shelf(resource.shelf)
        existed = asked.verb != "create" and shelf.get(asked.namespace, asked.name) is not None
        unknown: list[str] = []
        pruned = _refuse_unknown if asked.parameter("fieldValidation") == "Strict" else unknown.extend
        options = Options(asked.subresource, dry_run=asked.parameter("dryRun") == "All", pruned=pruned)
        stored = self._write(request, resource, asked, body, options)
        response = _encoded(stored.encoded_as(resource.api_version), 200 if existed else 201)
        for path in unknown if asked.parameter("fieldValidation") != "Ignore" else ():
            response.headers.add("Warning", f'299 - "unknown field \\"{path}\\""')
        return response

    def _write(self, request: web.BaseRequest, resource: Resource, asked: Asked, body: Any, options: Options) -> Stored:
        objects, namespace, name = self.objects, asked.namespace, asked.name
        if asked.verb == "create":
            return objects.create(resource, namespace, body, options)
        if asked.verb == "update":
            return objects.replace(resource, namespace, name, body, options)
        kind = request.content_type
        if kind == "application/merge-patch+json":
            return objects.merge(resource, namespace, name, body, options)
        if kind == "application/json-patch+json":
            return objects.json_patch(resource, namespace, name, body, options)
        if kind == "application/apply-patch+yaml":
            return objects.apply(resource, namespace, name, body, asked.parameter("fieldManager"), options)
        if kind == "application/strategic-merge-patch+json" and not resource.custom:
            return objects.merge(resource, namespace, name, body, options)
        raise ApiError(
            415,
            "the body of the request was in an unknown format - accepted media types include: "
            "application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml",
        )

    def _deleted(self, resource: Resource, asked: Asked, options: Object) -> web.StreamResponse:
        how = Options(dry_run=asked.parameter("dryRun") == "All" or "All" in options.get("dryRun", ()))
        if asked.verb == "deletecollection":
            gone = self.objects.delete_all(resource, asked.namespace, _selector(resource, asked), options=how)
            return _encoded(_list(resource, gone, {"resourceVersion": str(self.objects.store.version)}))
        before = self.objects.get(resource, asked.namespace, asked.name)
        left = self.objects.delete(
            resource,
            asked.namespace,
            asked.name,
            preconditions=options.get("preconditions"),
            options=how,
        )
        if left:
            return _encoded(left.encoded_as(resource.api_version))
        return _json(success(resource.group, resource.plural, asked.name, before.object["metadata"]["uid"]))

    async def _watch(self, request: web.BaseRequest, resource: Resource, asked: Asked) -> web.StreamResponse:
        since = _number(asked, "resourceVersion") or None
        initial = asked.flag("sendInitialEvents")
        self.objects.store.check_reached(since or 0)
        shelf = self.objects.store.shelf(resource.shelf)
        selected = _selector(resource, asked)
        watch = Watch(shelf, asked.namespace, selected, self._rendering(request, resource, asked))
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        response.enable_chunked_encoding()
        self.watches[watch] = request
        pace = self._pace(resource, asked)
        try:
            watch.start(None if initial else since)
            if initial:
                watch.bookmark(_initial_end(pace.bookmark()))
            await response.prepare(request)
            await watch.send(response, pace)
        except ConnectionError:
            pass  # the client is gone, or was cut off
        finally:
            watch.stop()
            del self.watches[watch]
        return response

    def _pace(self, resource: Resource, asked: Asked) -> Pace:
        def bookmark() -> Object:
            metadata = {"resourceVersion": str(self.objects.store.version)}
            return {"kind": resource.kind, "apiVersion": resource.api_version, "metadata": metadata}

        interval = self.bookmark_interval if asked.flag("allowWatchBookmarks") else None
        return Pace(bookmark, interval, _number(asked, "timeoutSeconds"))

    def _rendering(self, request: web.BaseRequest, resource: Resource, asked: Asked) -> Callable[[Stored], bytes]:
        if not _wants_table(request):
            return lambda stored: stored.encoded_as(resource.api_version)
        told = False

        def render(stored: Stored) -> bytes:
            nonlocal told
            row = self._table(resource, asked, [stored], _list_metadata(stored), with_columns=not told)
            told = True
            return encode(row)

        return render

    def _table(
        self, resource: Resource, asked: Asked, items: Iterable[Stored], metadata: Object, *, with_columns: bool = True
    ) -> Object:
        include = asked.parameter("includeObject") or "Metadata"
        return table(resource, items, metadata, self.clock(), include=include, with_columns=with_columns)

    def _check_list_version(self, asked: Asked) -> None:
        version = _number(asked, "resourceVersion") or 0
        self.objects.store.check_reached(version)
        if asked.parameter("resourceVersionMatch") == "Exact" and version != self.objects.store.version:
            raise ApiError(410, f"The resourceVersion for the provided list is too old: {version}")

    def _about(self, request: web.BaseRequest, asked: Asked) -> web.StreamResponse:
        resources = self.objects.resources
        steps = [step for step in asked.path.split("/") if step]
        documents: dict[tuple[str, ...], Callable[[], Object]] = {
            ("version",): lambda: discovery.VERSION,
            ("api",): partial(discovery.legacy_versions, self.url),
            ("apis",): partial(discovery.groups, resources),
            ("openapi", "v3"): partial(openapi.index, resources),
        }
        if steps and steps[0] in ("healthz", "livez", "readyz"):
            return web.Response(text="ok")
        if document := documents.get(tuple(steps)):
            return _json(document())
        match steps:
            case ["api", version]:
                return _json(discovery.group_version(resources, "", version))
            case ["apis", group]:
                return _json(discovery.group(resources, group))
            case ["apis", group, version]:
                return _json(discovery.group_version(resources, group, version))
            case ["openapi", "v3", *path]:
                return _json(openapi.document(resources, "/".join(path)))
            case ["openapi", "v2"] if "proto-openapi" in request.headers.get("Accept", ""):
                return web.Response(body=b"", headers={"Content-Type": openapi.V2_PROTOBUF})
        raise no_such_resource()


def _may_be_done(resource: Resource, asked: Asked) -> bool:
    """Whether a verb is for one object, or for all of a namespace, and that is what the path says."""
    if asked.verb in ("update", "patch"):
        return bool(asked.name)
    if asked.verb in ("create", "deletecollection"):
        return not asked.name and resource.namespaced is bool(asked.namespace)
    return True


def _initial_end(bookmark: Object) -> Object:
    """The bookmark that says that all there was has been told."""
    return {**bookmark, "metadata": {**bookmark["metadata"], "annotations": {INITIAL_EVENTS_END: "true"}}}


def _refusal(error: ApiError) -> web.Response:
    response = _json(error.status(), error.code)
    if error.retry_after is not None:
        response.headers["Retry-After"] = str(error.retry_after)
    return response


def _json(document: Object, status: int = 200) -> web.Response:
    return _encoded(encode(document), status)


def _encoded(body: bytes, status: int = 200) -> web.Response:
    return web.Response(body=body, status=status, headers={"Content-Type": "application/json"})


def _list(resource: Resource, items: Iterable[Stored], metadata: Object) -> bytes:
    head = encode({"kind": f"{resource.kind}List", "apiVersion": resource.api_version, "metadata": metadata})
    return b'%s,"items":[%s]}' % (head[:-1], b",".join(stored.encoded_as(resource.api_version) for stored in items))


def _list_metadata(stored: Stored) -> Object:
    return {"resourceVersion": stored.object["metadata"].get("resourceVersion", "")}


def _read(request: web.BaseRequest, body: bytes) -> Any:
    try:
        if request.content_type in ("application/yaml", "application/apply-patch+yaml"):
            return _json_or_yaml(body)
        if request.content_type == protobuf.MEDIA_TYPE:
            return protobuf.decoded(body)
        if "json" in request.content_type or request.content_type == "application/octet-stream":
            return json.loads(body) if body else None
    except (ValueError, yaml.YAMLError) as error:
        raise ApiError(400, f"the body of the request cannot be decoded: {error}") from error
    raise ApiError(415, f"the body of the request was in an unknown format: {request.content_type}")


def _json_or_yaml(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return yaml.safe_load(body)


def _selector(resource: Resource, asked: Asked) -> Selector | None:
    fields = [asked.parameter("fieldSelector"), f"metadata.name={asked.name}" if asked.name else ""]
    return selector(resource, asked.parameter("labelSelector"), ",".join(fields))


def _number(asked: Asked, name: str) -> int | None:
    text = asked.parameter(name)
    if text and not text.isdecimal():
        raise ApiError(400, f"invalid {name}: {text!r}")
    return int(text) if text else None


def _wants_table(request: web.BaseRequest) -> bool:
    return "as=Table" in request.headers.get("Accept", "")


def _refuse_unknown(paths: list[str]) -> None:
    unknown = ", ".join(f'unknown field "{path}"' for path in paths)
    raise ApiError(400, f"strict decoding error: {unknown}")
