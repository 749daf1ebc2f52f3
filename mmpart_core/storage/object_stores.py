"""What object stores need beside fsspec's common interface: retries, errors, fewer requests.

botocore repeats what passes (throttling, 5xx, refused and dropped connections) with exponential
backoff and jitter, in its mode ``standard``; s3fs repeats a request whose answer broke off while
it was read. Both are bounded here, as they multiply.
"""

import importlib
import os
from collections.abc import Mapping
from typing import Any

# Tries of one request. The pauses between them are random, up to 1, 2, 4 and 8 seconds.
S3_TRIES = 5
# Tries of a request whose answer broke off; each of them again as above.
S3_BROKEN_TRIES = 3
S3_CONNECT_TIMEOUT_S, S3_READ_TIMEOUT_S = 10, 30
_S3_SCHEMES = ("s3", "s3a")


def with_defaults(url: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Options of a file system, with ours where neither the caller nor the environment says.

    Listings are never remembered: a file's facts would be taken from them.

    Args:
        url: address of the store.
        options: as given by the caller.
    """
    scheme = url.partition("://")[0]
    if scheme not in _S3_SCHEMES:
        return dict(options)
    retries: dict[str, Any] = {}
    if "AWS_RETRY_MODE" not in os.environ:
        retries["mode"] = "standard"
    if "AWS_MAX_ATTEMPTS" not in os.environ:
        retries["total_max_attempts"] = S3_TRIES
    config = {"connect_timeout": S3_CONNECT_TIMEOUT_S, "read_timeout": S3_READ_TIMEOUT_S}
    given = dict(options.get("config_kwargs") or {})
    return {
        "use_listings_cache": False,
        **options,
        "config_kwargs": {**config, **({"retries": retries} if retries else {}), **given},
    }


def is_s3(fs: Any) -> bool:
    """Whether a file system is s3fs."""
    protocols = (fs.protocol,) if isinstance(fs.protocol, str) else tuple(fs.protocol)
    return "s3" in protocols


def bound_retries(fs: Any) -> None:
    """Bound what s3fs repeats by itself."""
    if is_s3(fs):
        fs.retries = S3_BROKEN_TRIES


def failures_of(fs: Any) -> tuple[type[Exception], ...]:
    """What a file system raises when it cannot be used: s3fs lets some of botocore's through."""
    if not is_s3(fs):
        return (OSError, *_google_failures(fs))
    botocore: Any = importlib.import_module("botocore.exceptions")
    return (OSError, botocore.BotoCoreError, botocore.ClientError)


def _google_failures(fs: Any) -> tuple[type[Exception], ...]:
    """Google's file system lets errors of its own, of its HTTP client and of sign-in through."""
    if "gs" not in (fs.protocol if isinstance(fs.protocol, tuple) else (fs.protocol,)):
        return ()
    retry: Any = importlib.import_module("gcsfs.retry")
    aiohttp: Any = importlib.import_module("aiohttp")
    google: Any = importlib.import_module("google.auth.exceptions")
    return (retry.HttpError, aiohttp.ClientError, google.GoogleAuthError)


def read(fs: Any, path: str) -> bytes:
    """Content of a file; from S3 in one request, where s3fs would first ask for its size.

    Raises:
        FileNotFoundError: it is not there.
    """
    return fs.cat_file(path, max_concurrency=1) if is_s3(fs) else fs.cat_file(path)


def facts(fs: Any, path: str) -> dict[str, Any]:
    """What a file system knows of a file; of S3 in one request, where s3fs would list on a miss.

    Raises:
        FileNotFoundError: it is not there.
    """
    if not is_s3(fs):
        return fs.info(path)
    bucket, key, _version = fs.split_path(path)
    found = fs.call_s3("head_object", Bucket=bucket, Key=key)
    return {
        "type": "file",
        "size": found["ContentLength"],
        "ETag": found.get("ETag"),
        "LastModified": found.get("LastModified"),
        "VersionId": found.get("VersionId"),
    }
