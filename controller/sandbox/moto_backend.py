"""The one door to moto: its WSGI app for what we do not serve, and the few facts of its state that we build on.

moto is imported when a Moto is made, not before: a second of start-up that only a running sandbox pays.
"""

import io
import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from functools import lru_cache
from typing import Any
from urllib.parse import unquote

from controller.sandbox import moto_tables
from controller.sandbox.routes import Call
from controller.sandbox.wire import Answer, AwsError

DEFAULT_ACCOUNT = "123456789012"


class Moto:
    def __init__(self) -> None:
        try:
            from moto import backend_index
            from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
        except ImportError as error:
            raise ModuleNotFoundError("the local AWS needs moto: pip install 'daylily-reconcile[sandbox]'") from error
        _measure_no_buckets()
        moto_tables.make_light()
        self._app = DomainDispatcherApplication(create_backend_app)
        self._patterns = [pattern for _, pattern in backend_index.backend_url_patterns]
        self._served = lru_cache(maxsize=None)(self._is_served)
        self._accounts: dict[str, str] = {}
        self._tables = threading.Lock()

    def reset(self) -> None:
        from moto.moto_api._internal.models import moto_api_backend

        moto_api_backend.reset()
        self._accounts.clear()

    def account_of(self, access_key: str) -> str:
        """The account of an access key; a key that moto did not issue belongs to the default account."""
        if access_key not in self._accounts:
            from moto.iam.models import get_account_id_from

            self._accounts[access_key] = get_account_id_from(access_key) if access_key else DEFAULT_ACCOUNT
        return self._accounts[access_key]

    def issue_credentials(self, account: str) -> tuple[str, str, str]:
        """Access key, secret and session token of an assumed role in `account`."""
        from moto.sts.models import sts_backends

        role = sts_backends[account]["aws"].assume_role(
            region_name="us-east-1",
            role_session_name="sandbox",
            role_arn=f"arn:aws:iam::{account}:role/sandbox",
            policy="",
            duration=3600,
            external_id="",
        )
        return role.access_key_id, role.secret_access_key, role.session_token

    def bucket(self, name: str) -> Any | None:
        """moto's own bucket object: `account_id`, `region_name`; a bucket made anew is a new object."""
        from moto.s3.models import s3_backends

        partition, account = s3_backends.bucket_accounts.get(name, ("", ""))
        return s3_backends[account][partition].buckets.get(name) if account else None

    def buckets(self, account: str) -> Iterator[Any]:
        from moto.s3.models import s3_backends

        yield from list(s3_backends[account]["aws"].buckets.values())

    def topic_policy(self, arn: str) -> Mapping[str, Any] | None:
        """The access policy of an SNS topic; None where there is no such topic."""
        from moto.sns.models import sns_backends

        parts = arn.split(":")
        if len(parts) != 6 or parts[2] != "sns":
            return None
        region, account = parts[3], parts[4]
        topic = sns_backends[account][region].topics.get(arn) if region in sns_backends[account] else None
        policy: Mapping[str, Any] | None = json.loads(topic.policy) if topic else None
        return policy

    def metric_data(self, account: str, region: str) -> Sequence[Any]:
        """All that was put into CloudWatch, in that order: `namespace`, `name`, `dimensions`, `timestamp`, values."""
        from moto.cloudwatch.models import cloudwatch_backends

        put: Sequence[Any] = cloudwatch_backends[account][region].metric_data
        return put

    def serve(self, call: Call) -> Answer:
        """moto's answer; AwsError 501 for what moto lacks, so that no client ever sees (or retries) HTML.

        DynamoDB is asked by one at a time: moto goes back from a cancelled transaction to the table as it was before,
        and what others wrote meanwhile would be lost.
        """
        if call.service == "s3" and _S3_UNKNOWN_TO_MOTO & call.query.keys():
            raise not_implemented(call)
        if not self._served(call.http.headers.get("authorization", "").partition(",")[0].rpartition("=")[2]):
            raise not_implemented(call)
        try:
            with self._alone() if call.service == "dynamodb" else nullcontext():
                answer = self._run(call)
        except NotImplementedError:
            raise not_implemented(call) from None
        except Exception as error:
            raise AwsError("SandboxFailure", f"moto failed: {type(error).__name__}: {error}") from error
        if answer.status >= 400 and any("text/html" in v for n, v in answer.headers if n == "Content-Type"):
            text = answer.body.decode("utf-8", "replace")
            if not text.startswith(("<?xml", "<Error", "{")) and call.http.method != "HEAD":
                raise not_implemented(call)
        return answer

    @contextmanager
    def _alone(self) -> Iterator[None]:
        with self._tables:
            try:
                yield
            finally:
                moto_tables.SNAPSHOTS.clear()

    def _is_served(self, scope: str) -> bool:
        """Whether moto knows the service of a credential scope; asked here because moto prints when it does not."""
        parts = scope.split("/")
        if len(parts) != 5:
            return True
        from moto.moto_server.werkzeug_app import SIGNING_ALIASES

        service = SIGNING_ALIASES.get(parts[3].lower(), parts[3].lower())
        hosts = (f"http://{service}.{parts[2]}.amazonaws.com", f"http://{service}.amazonaws.com")
        return any(pattern.match(host) for pattern in self._patterns for host in hosts)

    def _run(self, call: Call) -> Answer:
        status = 500
        headers: tuple[tuple[str, str], ...] = ()

        def start_response(line: str, sent: list[tuple[str, str]], _: Any = None) -> Any:
            nonlocal status, headers
            status, headers = int(line.split()[0]), tuple(sent)

        body = self._app(_environ(call), start_response)
        try:
            content = b"".join(body)
        finally:
            if hasattr(body, "close"):
                body.close()
        return Answer(status, headers, content)


def _measure_no_buckets() -> None:
    """moto tells sizes of its own of every bucket, always as of today; S3 tells none of an empty or a new one."""
    from moto.s3.models import S3Backend

    def none(account_id: str, region: str) -> list[Any]:
        return []

    setattr(S3Backend, "get_cloudwatch_metrics", staticmethod(none))  # noqa: B010 - a method may not be assigned to


def not_implemented(call: Call) -> AwsError:
    return AwsError("NotImplemented", f"the local AWS does not serve {call.service} {call.operation}", 501)


_S3_UNKNOWN_TO_MOTO = frozenset({
    "analytics", "annotation", "intelligent-tiering", "metadataAnnotationTable", "metadataConfiguration",
    "metadataInventoryTable", "metadataJournalTable", "metadataTable", "metrics", "renameObject", "session", "torrent",
})  # fmt: skip
"""Sub-resources that moto takes for the bucket or the object itself: a PUT would say BucketAlreadyExists."""


def _environ(call: Call) -> dict[str, Any]:
    http = call.http
    environ: dict[str, Any] = {
        "REQUEST_METHOD": http.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote(http.path, encoding="utf-8").encode().decode("latin-1"),
        "QUERY_STRING": http.query,
        "RAW_URI": f"{http.path}?{http.query}" if http.query else http.path,
        "REQUEST_URI": f"{http.path}?{http.query}" if http.query else http.path,
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": http.headers.get("host", ":80").rpartition(":")[2],
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "CONTENT_LENGTH": str(len(http.body)),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(http.body),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    if "content-type" in http.headers:
        environ["CONTENT_TYPE"] = http.headers["content-type"]
    for name, value in http.headers.items():
        if name not in ("content-type", "content-length", "transfer-encoding"):
            environ["HTTP_" + name.upper().replace("-", "_")] = value
    return environ
