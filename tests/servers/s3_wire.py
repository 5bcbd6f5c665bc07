"""A server on loopback that speaks S3's wire, path style: ListObjectsV2 with paging, GetObject with conditions.

``objects`` maps ``bucket/key`` to bytes; a bucket exists if it is in ``buckets``. One called ``denied`` is refused;
a key that ends in ``.broken.txt`` breaks off in the middle, and one in ``.archived.txt`` has to be restored first.
``trouble`` answers the next so many requests with 503; ``stumbles`` are keys after which a listing does so once, and
``vanishing`` names that are still listed but gone when they are asked for.
"""

import hashlib
from collections.abc import Mapping
from urllib.parse import quote
from xml.sax.saxutils import escape

from aiohttp import web

from tests.servers.host import LoopbackServer

_XML = "application/xml"


class S3Wire(LoopbackServer):
    """``asked`` lists the requests as ``GET bucket/key status``."""

    def __init__(self, objects: Mapping[str, bytes] | None = None, *, page: int = 1000) -> None:
        super().__init__()
        self.objects = dict(objects or {})
        self.buckets = {name.partition("/")[0] for name in self.objects}
        self.page = page
        self.trouble = 0
        self.stumbles: set[str] = set()
        self.vanishing: set[str] = set()
        self.asked: list[str] = []
        self.signed_with: set[str] = set()

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/{bucket}", self._list),
            web.get("/{bucket}/", self._list),
            web.get("/{bucket}/{key:.+}", self._get),
        ]

    async def _list(self, request: web.Request) -> web.StreamResponse:
        bucket, query = request.match_info["bucket"], request.query
        refused = self._refused(request, bucket)
        if refused is not None:
            return self._note(f"LIST {bucket}", refused)
        assert query["list-type"] == "2"
        prefix, after = query.get("prefix", ""), query.get("start-after", "")
        if after in self.stumbles:
            self.stumbles.remove(after)
            return self._note(f"LIST {bucket} after {after!r}", _error(503, "SlowDown"))
        mine = (name.partition("/")[2] for name in self.objects if name.partition("/")[0] == bucket)
        keys = sorted((k for k in mine if k.startswith(prefix) and k > after), key=str.encode)
        shown = keys[: self.page]
        contents = "".join(
            f"<Contents><Key>{escape(quote(key, safe='/'))}</Key><Size>{len(self.objects[f'{bucket}/{key}'])}</Size>"
            f"<ETag>{escape(etag(self.objects[f'{bucket}/{key}']))}</ETag></Contents>"
            for key in shown
        )
        truncated = "true" if len(keys) > len(shown) else "false"
        body = (
            f'<?xml version="1.0"?><ListBucketResult><Name>{bucket}</Name><EncodingType>url</EncodingType>'
            f"<IsTruncated>{truncated}</IsTruncated>{contents}</ListBucketResult>"
        )
        return self._note(f"LIST {bucket} after {after!r}", web.Response(text=body, content_type=_XML))

    async def _get(self, request: web.Request) -> web.StreamResponse:
        bucket, key = request.match_info["bucket"], request.match_info["key"]
        return self._note(
            f"GET {bucket}/{key}", self._refused(request, bucket) or await self._object(request, bucket, key)
        )

    async def _object(self, request: web.Request, bucket: str, key: str) -> web.StreamResponse:
        data = self.objects.get(f"{bucket}/{key}")
        if data is None or f"{bucket}/{key}" in self.vanishing:
            return _error(404, "NoSuchKey")
        if key.endswith(".archived.txt"):
            return _error(403, "InvalidObjectState")
        headers = {"ETag": etag(data), "Content-Type": "binary/octet-stream"}
        if request.headers.get("If-None-Match") == etag(data):
            return web.Response(status=304, headers=headers)
        if not key.endswith(".broken.txt"):
            return web.Response(body=data, headers=headers)
        response = web.StreamResponse(headers={**headers, "Content-Length": str(len(data) + 1000)})
        await response.prepare(request)
        await response.write(data)
        if request.transport is not None:
            request.transport.close()
        return response

    def _refused(self, request: web.Request, bucket: str) -> web.Response | None:
        self.signed_with.add(request.headers.get("Authorization", "").partition("Credential=")[2].partition("/")[0])
        if self.trouble > 0:
            self.trouble -= 1
            return _error(503, "SlowDown")
        if bucket == "denied":
            return _error(403, "AccessDenied")
        return None if bucket in self.buckets else _error(404, "NoSuchBucket")

    def _note(self, what: str, response: web.StreamResponse) -> web.StreamResponse:
        self.asked.append(f"{what} {response.status}")
        return response


def etag(data: bytes) -> str:
    return f'"{hashlib.md5(data).hexdigest()}"'


def _error(status: int, code: str) -> web.Response:
    body = f'<?xml version="1.0"?><Error><Code>{code}</Code><Message>{code} it is.</Message></Error>'
    return web.Response(status=status, text=body, content_type=_XML)
