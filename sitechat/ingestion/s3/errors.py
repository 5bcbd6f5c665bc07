"""What S3 answers instead of an object, in sentences; ``retryable`` tells what may go better later."""

from dataclasses import dataclass

from sitechat.errors import Forbidden, NotFound, RateLimited, SiteChatError, TimedOut, Unavailable
from sitechat.ingestion.causes import LeftOut

_BUSY = frozenset({"SlowDown", "Throttling", "ThrottlingException", "RequestLimitExceeded", "TooManyRequests"})
_UNKNOWN_KEYS = frozenset({"InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidSecurity", "AuthFailure"})
_EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "InvalidToken", "TokenRefreshRequired"})
_NO_OBJECT = frozenset({"NoSuchKey", "NoSuchVersion"})
_WHERE_FROM = "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_PROFILE, or give the machine a role"
_NO_CREDENTIALS = ("NoCredentialsError", "PartialCredentialsError", "CredentialRetrievalError", "ProfileNotFound")
_TOKENS = ("TokenRetrievalError", "SSOTokenLoadError", "UnauthorizedSSOTokenError", "LoginRefreshTokenExpired")
_SLOW = ("ConnectTimeoutError", "ReadTimeoutError")
_CUT = ("IncompleteReadError", "ResponseStreamingError", "ConnectionClosedError", "EndpointConnectionError")
_SETTINGS = ("NoRegionError", "InvalidRegionError", "InvalidEndpointConfigurationError", "ValueError", "SSLError")


@dataclass(frozen=True, slots=True)
class Refusal:
    """S3's error ``code`` (may be a bare status) for a request about ``key``, or a prefix, of a bucket."""

    code: str
    status: int
    bucket: str
    key: str


def failure(refusal: Refusal) -> SiteChatError:
    """The refusal as one of our errors."""
    code, status, bucket = refusal.code, refusal.status, refusal.bucket
    if code == "NoSuchBucket":
        return NotFound(
            f"There is no bucket “{bucket}”; check its name, and AWS_ENDPOINT_URL_S3 if it is not Amazon's."
        )
    if code in _NO_OBJECT or (status == 404 and code in ("404", "")):
        return LeftOut("not_found", "It is not in the bucket any more.")
    if code == "InvalidObjectState":
        return LeftOut("refused", "It is archived in S3; restore it there and read the bucket again.")
    if code in _BUSY or status in (429, 503):
        return RateLimited("S3 asks to slow down; it is tried again in a moment.")
    if code in _UNKNOWN_KEYS:
        return Forbidden(f"S3 does not accept the AWS credentials of this SiteChat. {_WHERE_FROM}, then retry.")
    if code in _EXPIRED:
        return Forbidden("The AWS credentials of this SiteChat have expired. Renew them, then retry.")
    if status in (401, 403):
        needed = "s3:ListBucket and s3:GetObject"
        return Forbidden(f"The AWS credentials of this SiteChat may not read this in “{bucket}”; it needs {needed}.")
    if status >= 500:
        return Unavailable(f"S3 had trouble of its own ({status}).")
    return Unavailable(f"S3 refused the request ({code or status}).", retryable=False)


def broken(kind: str, message: str) -> SiteChatError:
    """What boto3 raised on its own, by the name of its ``kind``."""
    if kind in _NO_CREDENTIALS or kind in _TOKENS:
        return Forbidden(f"This SiteChat has no AWS credentials to read S3 with. {_WHERE_FROM}, then retry.")
    if kind in _SLOW:
        return TimedOut("S3 did not answer in time.")
    if kind in _CUT:
        return Unavailable("The connection to S3 could not be made or broke off.")
    if kind in _SETTINGS:
        return Unavailable(f"S3 cannot be reached as it is set up here: {message[:200]}.", retryable=False)
    return Unavailable(f"Reading from S3 failed ({kind}).")
