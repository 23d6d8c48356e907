"""Finding the files of a month of a data export: in a folder, or in S3, from where they are brought to disk.

AWS delivers them to data/BILLING_PERIOD=2024-01/ and a manifest to metadata/BILLING_PERIOD=2024-01/NAME-Manifest.json,
after all files that it lists are there (AWS, Data Exports: Understanding export delivery). A refresh overwrites the
files, or writes new ones beside the old ones; only the manifest says which of them count.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from controller.aws.clients import Aws
from controller.aws.download import download
from controller.domain.month import Month
from controller.errors import Failure, PermanentFailure, TransientFailure

DATA, METADATA = "data", "metadata"
MANIFEST = "Manifest.json"
PARTITION = re.compile(r"billing_period=(?P<month>\d{4}-\d{2})", re.IGNORECASE)
"""CUR 2.0 writes it in capitals; FOCUS exports are seen with small letters."""
LISTED = re.compile(r"/data/(?P<path>billing_period=[^/]+/.+\.parquet)$", re.IGNORECASE)
"""A file as the manifest names it: s3://bucket/prefix/name/data/BILLING_PERIOD=2024-01/name-00001.snappy.parquet."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """The files that make up a month, on disk, and what people should know of them.

    `listed`: a manifest lists them, so every line in them counts.
    """

    files: tuple[Path, ...]
    notes: tuple[str, ...] = ()
    listed: bool = True


class Export(Protocol):
    """Where an export is."""

    def delivery(self, month: Month) -> Delivery | None:
        """The files of a month; None where AWS has delivered nothing of it. Raises Failure for half of one."""
        ...


class Folder:
    """An export in a folder on disk, laid out as in S3."""

    def __init__(self, location: Path) -> None:
        self._location = location

    def delivery(self, month: Month) -> Delivery | None:
        data = self._location / DATA
        if not data.is_dir():
            raise _no_export(str(self._location))
        partition = _of_month(data, month)
        manifest = self._manifest(month)
        if manifest is not None:
            return Delivery(tuple(self._file(path, manifest) for path in _listed(_read(manifest), month, manifest)))
        return _unlisted(partition, month) if partition else None

    def _manifest(self, month: Month) -> Path | None:
        """The one of the latest refresh: it lies right in the partition, else in the folder of the latest one."""
        partition = _of_month(self._location / METADATA, month)
        found = sorted(partition.rglob(f"*{MANIFEST}"), key=str) if partition else []
        right_here = [one for one in found if one.parent == partition]
        return next(reversed(right_here or found), None)

    def _file(self, path: str, manifest: Path) -> Path:
        file = self._location / DATA / path
        if not file.is_file():
            raise _incomplete(path, str(manifest))
        return file


class Bucket:
    """An export in S3. Files are downloaded to `folder`, each once: what is there with the same ETag is not again."""

    def __init__(self, aws: Aws, location: str, folder: Path) -> None:
        self._aws = aws
        self._bucket, _, self._prefix = location.removeprefix("s3://").rstrip("/").partition("/")
        self._where = location.rstrip("/")
        self._folder = folder / hashlib.sha256(self._where.encode()).hexdigest()[:16]
        self._partitions: dict[str, Mapping[str, str]] = {}

    def delivery(self, month: Month) -> Delivery | None:
        metadata = self._in(METADATA).get(str(month))
        if metadata is None:
            return None
        manifests = sorted(one for one in self._objects(metadata) if one.endswith(MANIFEST))
        if not manifests:
            return None
        right_here = [one for one in manifests if "/" not in one.removeprefix(metadata)]
        key = (right_here or manifests)[-1]
        paths = _listed(self._text(key), month, f"s3://{self._bucket}/{key}")
        return Delivery(self._brought(paths, month, key))

    def _brought(self, paths: tuple[str, ...], month: Month, manifest: str) -> tuple[Path, ...]:
        """All files on disk; what is there of earlier deliveries goes."""
        there = self._objects(self._in(DATA).get(str(month), f"{self._root(DATA)}{paths[0].partition('/')[0]}/"))
        folder = self._folder / str(month)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        files = []
        for path in paths:
            key = f"{self._root(DATA)}{path}"
            if key not in there:
                raise _incomplete(path, f"s3://{self._bucket}/{manifest}")
            files.append(self._file(key, there[key], folder))
        for old in set(folder.iterdir()) - set(files):
            old.unlink(missing_ok=True)
        return tuple(files)

    def _file(self, key: str, found: Mapping[str, Any], folder: Path) -> Path:
        digest = hashlib.sha256(f"{key} {found['ETag']}".encode()).hexdigest()[:16]
        file = folder / f"{digest}-{key.rpartition('/')[2]}"
        if not (file.is_file() and file.stat().st_size == found["Size"]):
            download(self._aws, self._bucket, key, found["ETag"], file)
        return file

    def _in(self, part: str) -> Mapping[str, str]:
        """The partitions by month, as prefixes: one call, once."""
        if part not in self._partitions:
            prefixes = [
                one["Prefix"]
                for page in self._pages(self._root(part), Delimiter="/")
                for one in page.get("CommonPrefixes", ())
            ]
            if part == METADATA and not prefixes:
                raise _no_export(self._where)
            found = ((PARTITION.search(one.removeprefix(self._root(part))), one) for one in prefixes)
            self._partitions[part] = {match["month"]: prefix for match, prefix in found if match}
        return self._partitions[part]

    def _objects(self, prefix: str) -> dict[str, Mapping[str, Any]]:
        return {one["Key"]: one for page in self._pages(prefix) for one in page.get("Contents", ())}

    def _pages(self, prefix: str, **more: Any) -> Iterator[Mapping[str, Any]]:
        token: dict[str, str] | None = {}
        while token is not None:
            page = self._aws.call(
                "s3", "list_objects_v2", about=self._where, Bucket=self._bucket, Prefix=prefix, **more, **token
            )
            yield page
            token = {"ContinuationToken": page["NextContinuationToken"]} if page.get("IsTruncated") else None

    def _text(self, key: str) -> str:
        answer = self._aws.call("s3", "get_object", about=f"s3://{self._bucket}/{key}", Bucket=self._bucket, Key=key)
        return bytes(answer["Body"].read()).decode()

    def _root(self, part: str) -> str:
        return f"{self._prefix}/{part}/" if self._prefix else f"{part}/"


def _of_month(folder: Path, month: Month) -> Path | None:
    if not folder.is_dir():
        return None
    matches = ((PARTITION.fullmatch(one.name), one) for one in sorted(folder.iterdir()) if one.is_dir())
    return next((one for match, one in matches if match and match["month"] == str(month)), None)


def _unlisted(partition: Path, month: Month) -> Delivery | None:
    """All files, where no manifest says which. Those of two refreshes beside each other are never added up."""
    files = tuple(sorted(partition.rglob("*.parquet")))
    if not files:
        return None
    if len({one.parent for one in files}) > 1:
        raise PermanentFailure(
            f"{partition}: files of several refreshes lie beside each other, and no manifest says which of them count",
            code="NoManifest",
            resource=str(partition),
            advice=f"Copy {METADATA}/{partition.name}/ of the export here as well.",
        )
    return Delivery(files, (f"{month}: no manifest lists its files, so all {len(files)} were read",), listed=False)


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise PermanentFailure(f"{path}: {error}", code="UnreadableManifest", resource=str(path)) from error


def _listed(text: str, month: Month, manifest: str | Path) -> tuple[str, ...]:
    """The files in the manifest's `dataFiles`, as paths under data/."""
    try:
        told = json.loads(text)["dataFiles"]
        names = [str(one) for one in told] if isinstance(told, list) else None
    except (ValueError, KeyError, TypeError):
        names = None
    if not names:
        raise _bad_manifest("lists no `dataFiles`", manifest, "Is it the manifest of a Data Export?")
    return tuple(dict.fromkeys(_path(name, month, manifest) for name in names))


def _path(name: str, month: Month, manifest: str | Path) -> str:
    match = LISTED.search(name)
    if not match or ".." in match["path"].split("/"):
        raise _bad_manifest(f"lists {name}, which is no Parquet file under {DATA}/", manifest, "Export it as Parquet.")
    found = PARTITION.match(match["path"])
    if not found or found["month"] != str(month):
        raise _bad_manifest(f"is that of {month}, and lists {name}", manifest, "Refresh the export.")
    return match["path"]


def _bad_manifest(message: str, manifest: str | Path, advice: str) -> Failure:
    return PermanentFailure(f"{manifest}: {message}", code="UnreadableManifest", resource=str(manifest), advice=advice)


def _incomplete(path: str, manifest: str) -> Failure:
    return TransientFailure(
        f"{manifest}: {path} is listed and not there: the delivery is not complete, so nothing of it is counted",
        code="IncompleteDelivery",
        resource=manifest,
        advice="AWS may still be writing it: the next run reads it again. If it stays so, refresh the export.",
    )


def _no_export(where: str) -> Failure:
    return PermanentFailure(
        f"there is no data export at {where}: expected {DATA}/BILLING_PERIOD=YYYY-MM/ and {METADATA}/ below it",
        code="NoExport",
        advice="The location ends with the name of the export; the first delivery takes up to 24 hours.",
    )
