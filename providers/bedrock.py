"""Amazon Bedrock through ConverseStream: the one file here that knows boto3.

boto3 blocks, so each stream is read in a thread (:mod:`providers.thread_stream`); its connections tell the thread's
interrupt which socket they use, so that leaving closes the stream at once, even while AWS keeps silent. Building a
session takes a second and is done off the event loop, at the first use.
"""

import asyncio
import os
import time
from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from providers.base import Capabilities, Delta, Message, Request
from providers.bedrock_errors import Rejection, error_for
from providers.bedrock_reply import BROKE, ConverseReply, converse_messages
from providers.errors import (
    AuthenticationFailed,
    InvalidRequest,
    MalformedStream,
    ProviderError,
    ProviderTimeout,
    ProviderUnavailable,
    StreamBroken,
)
from providers.facts import bedrock_facts
from providers.http_errors import parse_retry_after
from providers.thread_stream import Interrupted, ThreadStream, current_interrupt

_CONNECTIONS = 128


@dataclass(frozen=True, slots=True)
class BedrockAccess:
    """How Bedrock is reached; None leaves a thing to boto3's own configuration. Times in seconds."""

    region: str | None = None
    profile: str | None = None
    endpoint_url: str | None = None
    connect_timeout: float = 10.0
    read_timeout: float = 120.0


class BedrockProvider:
    """``model`` is a model id, an inference profile's id or an ARN."""

    name = "bedrock"

    def __init__(self, model: str, access: BedrockAccess, *, context_tokens: int | None = None) -> None:
        self._model, self._access = model, access
        self._facts = bedrock_facts(model)
        self._context = context_tokens
        self._client: Any = None
        self._key_id: str | None = None
        self._building = asyncio.Lock()

    @property
    def model(self) -> str:
        return self._model

    @property
    def capabilities(self) -> Capabilities:
        facts = self._facts
        return Capabilities(self._context or facts.context_tokens, facts.max_output_tokens)

    async def stream(self, request: Request) -> AsyncGenerator[Delta, None]:
        """Text as it arrives, then usage, then why it ended."""
        reply = ConverseReply()
        try:
            client = await self._ready()
            reading = ThreadStream(lambda: self._open(client, request), name=f"bedrock/{self._model}")
            async with aclosing(reading.items()) as events:
                async for event in events:
                    for delta in reply.read(event):
                        yield delta
        except Exception as error:  # noqa: BLE001  the border: whatever boto3 raises becomes ours
            raise self._translate(error, started=reply.started) from None
        for last in reply.ending():
            yield last

    async def check(self) -> str:
        """Ask the model for one token, the cheapest request that proves access to it."""
        begin = time.monotonic()
        question = Request((Message("user", "Hi"),), max_output_tokens=1)
        async with aclosing(self.stream(question)) as deltas:
            async for _ in deltas:
                break
        milliseconds = (time.monotonic() - begin) * 1000
        return f"Amazon Bedrock in {self._region} answers with “{self._model}” in {milliseconds:.0f} ms"

    async def close(self) -> None:
        if self._client is not None:
            await asyncio.to_thread(self._client.close)

    @property
    def _region(self) -> str:
        return str(self._client.meta.region_name if self._client is not None else self._access.region)

    async def _ready(self) -> Any:
        if self._client is None:
            async with self._building:
                if self._client is None:
                    self._client = await asyncio.to_thread(self._build)
        return self._client

    def _build(self) -> Any:
        import boto3
        from botocore.config import Config

        access = self._access
        session = boto3.Session(profile_name=access.profile, region_name=access.region)
        config = Config(
            connect_timeout=access.connect_timeout,
            read_timeout=access.read_timeout,
            retries={"total_max_attempts": 1, "mode": "standard"},
            max_pool_connections=_CONNECTIONS,
            tcp_keepalive=True,
        )
        if credentials := session.get_credentials():
            self._key_id = credentials.access_key
        client = session.client("bedrock-runtime", endpoint_url=access.endpoint_url, config=config)
        _make_interruptible(client)
        return client

    def _open(self, client: Any, request: Request) -> Iterable[dict[str, Any]]:
        limit = min(request.max_output_tokens, self._facts.max_output_tokens)
        inference: dict[str, Any] = {"maxTokens": limit}
        if request.temperature is not None:
            inference["temperature"] = request.temperature
        system, messages = converse_messages(request)
        answer = client.converse_stream(
            modelId=self._model, messages=messages, inferenceConfig=inference, **({"system": system} if system else {})
        )
        stream: Iterable[dict[str, Any]] = answer["stream"]
        return stream

    def _translate(self, error: Exception, *, started: bool) -> ProviderError:
        from botocore import exceptions as aws
        from botocore.eventstream import ParserError
        from botocore.parsers import ResponseParserError

        if isinstance(error, ProviderError):
            return error
        if isinstance(error, aws.ClientError) and not started:
            return error_for(self._rejection(error))
        if isinstance(error, aws.ClientError | Interrupted):
            return StreamBroken(BROKE)
        if isinstance(error, ParserError | ResponseParserError | UnicodeDecodeError):
            return MalformedStream("Amazon Bedrock sent an answer that cannot be read. Retry.")
        if isinstance(error, aws.HTTPClientError | aws.ConnectionError | OSError) or _is_transport(error):
            return self._lost(error, started=started)
        return _configuration(error)

    def _rejection(self, error: Any) -> Rejection:
        said = error.response.get("Error", {})
        meta = error.response.get("ResponseMetadata", {})
        code = str(said.get("Code") or "unknown")
        headers = {str(key).lower(): str(value) for key, value in meta.get("HTTPHeaders", {}).items()}
        return Rejection(
            code=code[:1].upper() + code[1:],
            text=str(said.get("Message") or ""),
            status=int(meta.get("HTTPStatusCode") or 0),
            model=self._model,
            region=self._region,
            key_id=self._key_id,
            retry_after=parse_retry_after(headers),
        )

    def _lost(self, error: Exception, *, started: bool) -> ProviderError:
        from botocore import exceptions as aws

        if started:
            return StreamBroken(BROKE)
        host = urlsplit(self._client.meta.endpoint_url).netloc if self._client is not None else "Amazon Bedrock"
        look = "`AWS_REGION`, the endpoint and the network"
        if isinstance(error, aws.ReadTimeoutError):
            return ProviderTimeout(f"The model at {host} took too long to answer. Retry.")
        if isinstance(error, aws.ConnectTimeoutError):
            return ProviderTimeout(f"Cannot reach the model at {host} in time. Check {look}, then retry.")
        if isinstance(error, aws.ConnectionClosedError) or _is_transport(error):
            return ProviderUnavailable(f"The model at {host} closed the connection without an answer. Retry.")
        return ProviderUnavailable(f"Cannot reach the model at {host}. Check {look}, then retry.")


def credentials_present(profile: str | None = None) -> bool:
    """Whether boto3 finds credentials (environment, files, container or instance). Takes up to some seconds."""
    import boto3
    from botocore.exceptions import BotoCoreError

    try:
        found = boto3.Session(profile_name=profile).get_credentials() is not None
    except BotoCoreError:
        found = False
    return found or bool(os.environ.get("AWS_BEARER_TOKEN_BEDROCK"))


def _configuration(error: Exception) -> ProviderError:
    """What boto3 raises before it reaches the network."""
    from botocore import exceptions as aws

    if isinstance(error, aws.ProfileNotFound):
        return AuthenticationFailed("The AWS profile is not in the configuration files. Check `AWS_PROFILE`.")
    if isinstance(error, aws.NoRegionError | aws.InvalidRegionError):
        return InvalidRequest("No AWS region is set, or it is not one. Set `AWS_REGION`, then retry.")
    if isinstance(error, aws.ParamValidationError):
        return InvalidRequest("The request is not one that Amazon Bedrock takes. Ask again in other words.")
    if isinstance(error, aws.BotoCoreError):
        return AuthenticationFailed(
            "No usable AWS credentials were found. Set `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY` or "
            "`AWS_PROFILE`, or sign in to AWS, then retry."
        )
    raise error


def _is_transport(error: Exception) -> bool:
    from urllib3.exceptions import HTTPError

    return isinstance(error, HTTPError)


def _make_interruptible(client: Any) -> None:
    """Let the client's connections register their socket with the interrupt of the thread that uses them.

    botocore has no public seam for this: its table of pool classes is replaced. Were it gone, streams would still
    end, only later, at their read timeout; a test watches over it.
    """
    from botocore import awsrequest

    class Connection(_Announces, awsrequest.AWSHTTPConnection):  # type: ignore[misc]
        pass

    class SecureConnection(_Announces, awsrequest.AWSHTTPSConnection):  # type: ignore[misc]
        pass

    class Pool(awsrequest.AWSHTTPConnectionPool):  # type: ignore[misc]
        ConnectionCls = Connection

    class SecurePool(awsrequest.AWSHTTPSConnectionPool):  # type: ignore[misc]
        ConnectionCls = SecureConnection

    session = client._endpoint.http_session
    session._pool_classes_by_scheme.update(http=Pool, https=SecurePool)


class _Announces:
    """Mixed into botocore's connections."""

    sock: Any = None

    def connect(self) -> None:
        super().connect()  # type: ignore[misc]
        self._announce()

    def request(self, *args: Any, **kwargs: Any) -> Any:
        self._announce()
        return super().request(*args, **kwargs)  # type: ignore[misc]

    def _announce(self) -> None:
        if interrupt := current_interrupt():
            interrupt.attach(self.sock)
