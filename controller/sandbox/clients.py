"""boto3 clients that talk to an AWS on this machine."""

from functools import cache
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import boto3
import botocore.session
from botocore.config import Config

Credentials = tuple[str, str, str | None]


def local_client(service: str, region: str, url: str, credentials: Credentials) -> Any:
    """A client without retries, with path-style buckets, and without S3 Control's account id before the host."""
    key, secret, token = credentials
    client = _session().client(
        service,
        region_name=region,
        endpoint_url=url,
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        aws_session_token=token,
        config=Config(
            retries={"total_max_attempts": 1, "mode": "standard"},
            s3={"addressing_style": "path"},
            max_pool_connections=50,
            proxies={},
        ),
    )
    if service == "s3control":
        client.meta.events.register("before-sign.s3-control", _without_account_in_host(url))
    return client


@cache
def _session() -> Any:
    """One session for all clients: a new one reads botocore's data anew, 0.1 s each. No profile of the user's."""
    no_profile: Any = {"profile": (None, [], None, None)}
    return boto3.session.Session(botocore_session=botocore.session.Session(session_vars=no_profile))


def _without_account_in_host(url: str) -> Any:
    """botocore puts `{account}.` before any host, also before an IP address, which then does not resolve."""
    host = urlsplit(url).netloc

    def strip(request: Any, **_: Any) -> None:
        request.url = urlunsplit(urlsplit(request.url)._replace(netloc=host))

    return strip
