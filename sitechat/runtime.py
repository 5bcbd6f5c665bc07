"""The only place that builds anything: the engine loop on its own thread, and the services on it.

Pages and commands call services through :meth:`Runtime.call`; what blocks never runs on a web server's loop.
"""

import asyncio
import functools
import logging
import os
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from dataclasses import dataclass
from time import monotonic
from typing import Any, Self, TypeVar

import uvloop

from providers import factory as providers
from providers.base import Provider
from providers.errors import ProviderError
from providers.extractive import Similarity
from providers.guard import Limits
from providers.unusable import Unusable
from sitechat.chat.answer_cache import AnswerCache
from sitechat.chat.cases import CaseService
from sitechat.chat.conversations import ConversationService
from sitechat.chat.feed import TurnFeed
from sitechat.chat.replaying import ReplayService
from sitechat.chat.service import ChatService
from sitechat.errors import DataDirectoryInUse, SettingsError, TimedOut, Unavailable
from sitechat.identity import LOCAL, Caller
from sitechat.indexes.service import Indexes
from sitechat.indexes.state import SearchState
from sitechat.ingestion.knowledge import KnowledgeService
from sitechat.ingestion.sample import ensure_sample
from sitechat.ingestion.service import IngestionService
from sitechat.pipeline.advisor import Advisor
from sitechat.pipeline.failures import translate
from sitechat.pipeline.ranking_rules import load_rules
from sitechat.pipeline.rerank import Reranking
from sitechat.pipeline.state import Tools
from sitechat.progress import ProgressRecord
from sitechat.settings import Settings
from sitechat.storage.conversations import ConversationStore
from sitechat.storage.engine import Database
from sitechat.storage.knowledge import KnowledgeStore
from sitechat.storage.lock import DataDirectoryLock
from sitechat.storage.turns import TurnStore
from sitechat.storage.vectors import VectorsStore
from vectorstore.base import Embedder, RerankError
from vectorstore.embeddings.factory import EmbeddingOptions, create_embedder
from vectorstore.factory import create_reranker

log = logging.getLogger(__name__)
T = TypeVar("T")
_LOOK_SECONDS = 5.0
_UNTENDED_SECONDS = 120
_OWNER = "owner"
"""Runner of turns in the process that holds the data directory: only one can be alive."""


@dataclass(frozen=True, slots=True)
class EngineStatus:
    """How the search side is doing, and what an operator should know."""

    search: SearchState
    notices: tuple[str, ...]


class Models:
    """The language models that a question can go to; made when first used."""

    def __init__(self, settings: Settings, similarity: Similarity) -> None:
        self._options = _provider_options(settings)
        self._similarity = similarity
        self._made: dict[str, Provider] = {}
        self._advisors: dict[str, Advisor] = {}
        self._step_model = settings.step_model
        self.default = settings.llm or providers.default_spec(
            self._options, settings.bedrock_model, lambda: providers.aws_credentials_present(settings.aws_profile)
        )
        chosen = [self.default, *(name.strip() for name in settings.models.split(",")), "extractive"]
        self._names = list(dict.fromkeys(name for name in chosen if name))
        for name in self._names:
            _check_kind(name)
        if self._step_model and self._step_model != "none":
            _check_kind(self._step_model)

    def names(self) -> list[str]:
        """What a person may choose from, the default first."""
        return list(self._names)

    def get(self, name: str) -> Provider:
        """The provider of that name; one that cannot be used as things are fails each question with the reason."""
        if name not in self._made:
            try:
                self._made[name] = providers.create(name, self._options, similarity=self._similarity)
            except ProviderError as error:
                return Unusable(name, error)
        return self._made[name]

    def advisor(self, name: str) -> Advisor | None:
        """Whom the steps may ask when ``name`` answers; nobody where it only quotes, or where none is wanted."""
        judge = self._step_model or name
        if judge == "none" or not all(self.get(each).capabilities.writes for each in (name, judge)):
            return None
        if judge not in self._advisors:
            self._advisors[judge] = Advisor(self.get(judge))
        return self._advisors[judge]

    async def check(self, name: str) -> str:
        """One line about the provider's reachability, or ``SiteChatError``."""
        try:
            return await self.get(name).check()
        except ProviderError as error:
            raise translate(error) from error

    async def close(self) -> None:
        for provider in self._made.values():
            await provider.close()


class Runtime:
    """Everything SiteChat needs to answer. Make one with :meth:`open`."""

    settings: Settings
    db: Database
    indexes: Indexes
    models: Models
    reranking: Reranking | None
    chat: ChatService
    conversations: ConversationService
    replays: ReplayService
    cases: CaseService
    knowledge: KnowledgeService
    ingestion: IngestionService

    def __init__(self, settings: Settings, lock: DataDirectoryLock | None) -> None:
        self.settings = settings
        self.serving = lock is not None
        self._lock = lock
        self._closed = False
        self._closers: list[Callable[[], Awaitable[None]]] = []
        self._loop = uvloop.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="engine", daemon=True)

    @classmethod
    def open(cls, settings: Settings, *, serving: bool = True, address: str = "on the command line") -> Self:
        """Start the engine. ``serving`` takes the data directory's lock (``DataDirectoryInUse``); without it the
        process reads beside the owner, and what it ingests is done by the owner."""
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        lock = DataDirectoryLock(settings.data_dir).acquire(address) if serving else None
        runtime = cls(settings, lock)
        runtime._thread.start()
        try:
            runtime.call(runtime._build(), timeout=None)
        except BaseException:
            runtime._end_loop()
            raise
        return runtime

    @classmethod
    def open_or_join(cls, settings: Settings, address: str = "on the command line") -> Self:
        """Own the data directory where it is free, else work beside its owner."""
        try:
            return cls.open(settings, address=address)
        except DataDirectoryInUse:
            return cls.open(settings, serving=False)

    # For other threads

    def call(self, coroutine: Coroutine[Any, Any, T], timeout: float | None = 30) -> T:
        """Run on the engine loop and wait; the coroutine is cancelled when ``timeout`` seconds are over."""
        future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        try:
            return future.result(timeout)
        except TimeoutError:
            future.cancel()
            raise

    async def acall(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run on the engine loop from a coroutine on another loop."""
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(coroutine, self._loop))

    def feed(self, caller: Caller, turn_id: str, after: int = 0) -> TurnFeed:
        """A turn for a reader on this thread."""
        return TurnFeed(self.chat, caller, turn_id, after, self._loop)

    def records(self, caller: Caller, job_id: str) -> Iterator[ProgressRecord]:
        """Each state of a job that differs from the one before, until it is over, for a reader on this thread.

        Raises ``TimedOut`` where nobody begins it.
        """
        last: ProgressRecord | None = None
        begun = monotonic()
        while last is None or last.is_open:
            waiting = self.ingestion.wait_for_change(caller, job_id, last, timeout=_LOOK_SECONDS)
            record = self.call(waiting, timeout=None)  # the last one waits for the indexes as well
            if record != last:
                yield record
            last = record
            if record.status == "pending" and monotonic() - begun > _UNTENDED_SECONDS and not record.queued_behind:
                raise TimedOut(
                    "Nobody has begun this job for two minutes. Is the SiteChat that owns the data still alive?"
                )

    def tools(self, model: str) -> Tools:
        """What the pipeline works with when it answers with that language model."""
        settings, provider = self.settings, self.models.get(model)
        return Tools(
            self.indexes,
            KnowledgeStore(self.db),
            provider,
            settings.passages,
            settings.max_answer_tokens,
            self.models.advisor(model),
            reranking=self.reranking,
        )

    def before_closing(self, close: Callable[[], Awaitable[None]]) -> None:
        """Await this on the engine loop before the services are closed, for what works with them."""
        self._closers.append(close)

    async def check_reranker(self) -> str:
        """One line about what puts passages into another order. Raises ``Unavailable`` where it cannot."""
        reranker = self.reranking.reranker if self.reranking is not None else None
        if reranker is None:
            return self.settings.reranker
        try:
            await reranker.scores("Does it work?", ["It works."])
        except RerankError as error:
            raise Unavailable(error.message) from error
        return f"{reranker.spec} is loaded"

    def status(self) -> EngineStatus:
        return EngineStatus(self.indexes.state, tuple(self.indexes.notices))

    def close(self) -> None:
        """Interrupt answers, put down ingestion where it is, write the snapshots, release the data directory."""
        if self._closed:
            return
        self._closed = True
        try:
            self.call(self._shut_down(), timeout=30)
        finally:
            self._end_loop()

    # Building

    async def _build(self) -> None:
        settings = self.settings
        self.reranking = await asyncio.to_thread(_make_reranking, settings)
        self.db = await Database.open(settings.data_dir / "sitechat.db")
        self.indexes = Indexes(
            VectorsStore(self.db),
            settings.data_dir / "indexes",
            functools.partial(_make_embedder, settings),
            settings.embedding,
            exact_limit=settings.exact_search_limit,
            serving=self.serving,
        )
        self.models = Models(settings, self.indexes.similarity)
        runner = _OWNER if self.serving else f"process-{os.getpid()}"
        self.chat = ChatService(self.db, self.tools, self.models.default, runner, _answer_cache(self.db, settings))
        self.conversations = ConversationService(self.db)
        self.replays = ReplayService(self.db, self.tools)
        self.cases = CaseService(self.db)
        self.ingestion = IngestionService(self.db, self.indexes, settings, serving=self.serving)
        self.knowledge = KnowledgeService(self.db, self.indexes, self.ingestion)
        if self.serving:
            await TurnStore(self.db).interrupt_orphans(_OWNER)
            await ConversationStore(self.db).purge()
        self.chat.start()
        self.indexes.start()
        await self.ingestion.start()
        if self.serving and settings.sample:
            await ensure_sample(LOCAL, self.knowledge, self.ingestion, settings.data_dir)

    async def _shut_down(self) -> None:
        reranker = self.reranking.reranker if self.reranking is not None else None
        closers: tuple[Callable[[], Awaitable[None]], ...] = (
            *self._closers,
            self.chat.close,
            *((reranker.close,) if reranker is not None else ()),
            self.ingestion.close,
            self.indexes.close,
            self.models.close,
            self.db.close,
        )
        for close in closers:
            try:
                await close()
            except Exception:  # one part that cannot close must not keep the others from it
                log.exception("closing failed")

    def _end_loop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        if self._lock is not None:
            self._lock.release()


def _answer_cache(db: Database, settings: Settings) -> AnswerCache | None:
    days = settings.answer_cache_days
    return AnswerCache(db, days, settings.answer_cache_entries) if days else None


def _check_kind(name: str) -> None:
    kinds = ("openai", "bedrock", "extractive", "scripted", *providers.GATEWAYS)
    if name.partition("/")[0] not in kinds:
        raise SettingsError(
            f"SITECHAT_LLM, SITECHAT_MODELS or SITECHAT_STEP_MODEL names “{name}”, which is no language model. Use "
            f"extractive, or <kind>/<model> with one of these kinds: "
            f"{', '.join(sorted(set(kinds) - {'extractive', 'scripted'}))}."
        )


def _provider_options(settings: Settings) -> providers.ProviderOptions:
    key = settings.openai_api_key
    return providers.ProviderOptions(
        openai_api_key=key.get_secret_value() if key else None,
        openai_base_url=str(settings.openai_base_url) if settings.openai_base_url else None,
        aws_region=settings.aws_region,
        aws_profile=settings.aws_profile,
        bedrock_endpoint_url=str(settings.bedrock_endpoint_url) if settings.bedrock_endpoint_url else None,
        limits=Limits(
            connect=settings.connect_timeout,
            first_token=settings.first_token_timeout,
            silence=settings.silence_timeout,
            max_output_tokens=settings.max_answer_tokens,
            attempts=settings.llm_attempts,
        ),
    )


def _make_reranking(settings: Settings) -> Reranking | None:
    """Reads the rules, and begins to load a cross-encoder. Raises ``SettingsError``."""
    rules = load_rules(settings.ranking_rules) if settings.ranking_rules is not None else None
    reranker = create_reranker(settings.reranker) if settings.reranker.startswith("cross-encoder/") else None
    if reranker is not None:
        reranker.start()
    by_model = settings.reranker == "model"
    return Reranking(reranker, by_model, rules) if reranker or by_model or rules else None


def _make_embedder(settings: Settings, spec: str) -> Embedder:
    options = _provider_options(settings)
    return create_embedder(
        spec,
        EmbeddingOptions(
            openai_api_key=options.openai_api_key,
            openai_base_url=options.openai_base_url,
            aws_region=options.aws_region,
            aws_profile=options.aws_profile,
            bedrock_endpoint_url=options.bedrock_endpoint_url,
            local_backend=settings.embedding_backend,
        ),
    )
