"""The RabbitMQ connector. See README.md in this folder."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator, Sequence
from typing import Any

from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import ChannelClosedByBroker

from connectors.rabbitmq.client import Broker, give_back, typed
from connectors.rabbitmq.intake import arrival_of, interchange_of
from connectors.rabbitmq.publishing import Publisher
from connectors.rabbitmq.settings import RabbitMqSettings
from orderhub.connector import (
    Bookmark,
    Capability,
    Connector,
    Health,
    Interchange,
    LoadItem,
    Outcome,
    OutcomeState,
    Settlement,
)
from orderhub.errors import ConfigError, ConnectorError, ConnectorUnavailable, HubError
from orderhub.transport.files.answers import check_name
from orderhub.transport.outgoing import outgoing

log = logging.getLogger(__name__)


class RabbitMqConnector(Connector[RabbitMqSettings]):
    """Holds what it pulled unacknowledged on the channel of the pull; ``settle`` acknowledges it there. What is left at the end of
    the pull, and all of it when this process dies, goes back to its queue and comes again."""

    name = "rabbitmq"
    capabilities = Capability.PULL | Capability.LOAD | Capability.REPLY
    settings_type = RabbitMqSettings
    _opened: Broker | None = None

    def __init__(self, settings: RabbitMqSettings, ports: Any) -> None:
        super().__init__(settings, ports)
        #: Of the pull that is at work: its channel, and the delivery tags of what is not settled yet, by arrival.
        self._pulling: BlockingChannel | None = None
        self._tags: dict[str, int] = {}
        self._settled: set[str] = set()

    def check(self) -> Health:
        """Whether the broker answers, and queue and exchange are there; makes nothing."""
        settings = self.settings
        said: list[str] = []
        try:
            with typed(self._place):
                if settings.queue is not None:
                    count = self._count(missing_is_fine=settings.declare)
                    said.append(
                        "the first pull makes the queue" if count is None else f"{count} messages wait"
                    )
                if settings.exchange:
                    with self._channel() as channel:
                        channel.exchange_declare(settings.exchange, passive=True)
                    said.append(f"exchange {settings.exchange} is there")
                if not said:
                    with self._channel():
                        said.append("the default exchange is used")
        except ConnectorError as error:
            return Health(ok=False, sentence=error.what)
        return Health(ok=True, sentence=f"{self._place}: reached, {', '.join(said)}.")

    # Pull

    def pull(self, stream: str, since: Bookmark) -> Iterator[Interchange]:
        """What was in the queue when the pull began, in its order, at most ``max_messages``."""
        settings = self.settings
        with typed(self._place), self._channel() as channel:
            left = min(self._make_queue(channel), settings.max_messages)
            if not left:
                return
            channel.basic_qos(prefetch_count=settings.prefetch)
            self._pulling, self._tags, self._settled = channel, {}, set()
            try:
                for method, properties, body in channel.consume(
                    self._queue, inactivity_timeout=settings.idle_seconds
                ):
                    if method is None or properties is None:
                        break  # another consumer has the rest
                    interchange = interchange_of(settings, method, properties, body or b"")
                    if interchange.arrival in self._tags or interchange.arrival in self._settled:
                        # published twice under one id: the second is the first
                        self._twin(interchange.arrival, method.delivery_tag)
                    else:
                        self._tags[interchange.arrival] = method.delivery_tag
                        yield interchange
                        if not channel.is_open:
                            # lost while the hub worked; what is not settled comes again
                            raise ConnectionError("the connection was lost")
                    left -= 1
                    if not left:
                        break
            finally:
                self._pulling = None

    def waiting(self, stream: str, since: Bookmark) -> bool:
        """Whether messages are ready in the queue; those that another consumer holds are not."""
        with typed(self._place):
            return bool(self._count(missing_is_fine=self.settings.declare))

    def settle(self, interchange: Interchange, settlement: Settlement) -> None:
        """Acknowledge the message on the channel that it came by. When that is gone, the message is back in its queue: it is
        looked for at the head, where messages that come again stand."""
        arrival = interchange.handle["arrival"]
        if self._pulling is not None and arrival in self._settled:
            return
        with typed(self._place):
            if self._pulling is not None and self._pulling.is_open and arrival in self._tags:
                tag = self._tags.pop(arrival)
                self._settled.add(arrival)
                self._take_away(self._pulling, tag, interchange, settlement)
            else:
                self._look_for(interchange, settlement)

    def _look_for(self, interchange: Interchange, settlement: Settlement) -> None:
        with self._channel() as channel:
            if self._ready(channel) is None:
                return
        with self._channel() as channel:
            for _ in range(self.settings.prefetch):
                method, properties, body = channel.basic_get(self._queue)
                if method is None or properties is None or not method.redelivered:
                    return  # what was never delivered cannot be it
                if arrival_of(self._queue, method, properties, body or b"") == interchange.arrival:
                    tag = method.delivery_tag or 0
                    self._take_away(channel, tag, interchange, settlement, body=body, properties=properties)
                    return

    def _take_away(
        self,
        channel: BlockingChannel,
        tag: int,
        interchange: Interchange,
        settlement: Settlement,
        *,
        body: bytes | None = None,
        properties: Any = None,
    ) -> None:
        if settlement is Settlement.REFUSED and self.settings.dead_letter is not None:
            self._to_dead_letters(interchange, body if body is not None else interchange.data or b"")
        channel.basic_ack(tag)
        # sends it now; whether it arrives is not confirmed, and the message would be known again
        channel.connection.process_data_events(0)

    def _to_dead_letters(self, interchange: Interchange, body: bytes) -> None:
        """A copy in the dead-letter queue, confirmed, before the message is acknowledged."""
        name = self.settings.dead_letter or ""
        with self._channel() as channel:
            if self.settings.declare:
                channel.queue_declare(name, durable=True, arguments=self._arguments())
            outcome = Publisher(channel, ("", name)).publish(
                interchange.arrival,
                body,
                media_type=interchange.media_type,
                kind="refused",
                headers={"orderhub-reason": interchange.problem or "refused by the hub"},
            )
        if outcome.state is not OutcomeState.WRITTEN:
            raise ConnectorUnavailable(
                f"{self._place}: {interchange.name} could not be put into {name}: {outcome.reason}",
                todo="Make that queue; the message stays and is settled at the next run.",
            )

    def _twin(self, arrival: str, tag: int) -> None:
        """Keep a second message of the same arrival until the first is settled: only then may it go."""
        if self._pulling is not None and arrival in self._settled:
            self._pulling.basic_ack(tag)

    # Publish

    def load(self, items: Sequence[LoadItem]) -> list[Outcome]:
        """Publish each document under its key. AMQP cannot be asked what was published: the same key again is a second message
        with the same message id, by which its consumer knows it.

        :raises ConnectorUnavailable: the broker cannot be reached; nothing was sent.
        """
        if not items:
            return []
        outcomes: dict[str, Outcome] = {}
        with typed(self._place), self._channel() as channel:
            publisher = Publisher(channel, self.settings.destination)
            for item in items:
                if item.key in outcomes:
                    continue
                try:
                    outcomes[item.key] = self._publish(publisher, item)
                except ConnectorError as error:
                    if all(outcome.state is OutcomeState.REJECTED for outcome in outcomes.values()):
                        raise
                    # some were published, so this may not be an error of the whole call
                    outcomes[item.key] = Outcome(
                        key=item.key, state=OutcomeState.UNCLEAR, reason=f"Not sent: {error.what}"
                    )
        return [outcomes[item.key] for item in items]

    def _publish(self, publisher: Publisher, item: LoadItem) -> Outcome:
        try:
            out = outgoing(self.ports, self.settings.mapping, item)
        except ConnectorError:
            raise
        except HubError as error:
            reason = f"{error.what} {error.todo}"
            return Outcome(key=item.key, state=OutcomeState.REJECTED, code=error.code, reason=reason)
        headers = {name: value for name, value in out.headers.items() if name != "idempotency-key"}
        return publisher.publish(
            item.key,
            out.data,
            media_type=out.media_type,
            kind=out.headers["type"],
            headers={**headers, "name": out.name},
        )

    def reply(self, name: str, data: bytes, key: str) -> Outcome:
        """Publish an answer under its key; the name stands in the header ``name``."""
        check_name(name)
        with typed(self._place), self._channel() as channel:
            publisher = Publisher(channel, self.settings.destination)
            return publisher.publish(key, data, media_type=None, kind="answer", headers={"name": name})

    def close(self) -> None:
        self._pulling = None
        if self._opened is not None:
            self._opened.close()
            self._opened = None

    def _make_queue(self, channel: BlockingChannel) -> int:
        """How many messages are ready; the queue is made first where the settings say so."""
        arguments = self._arguments()
        if self.settings.declare:
            if self.settings.dead_letter is not None:
                channel.queue_declare(self.settings.dead_letter, durable=True, arguments=arguments)
            declared = channel.queue_declare(self._queue, durable=True, arguments=arguments)
        else:
            declared = channel.queue_declare(self._queue, passive=True)
        return int(declared.method.message_count)

    def _arguments(self) -> dict[str, str]:
        return {"x-queue-type": self.settings.queue_type}

    def _count(self, *, missing_is_fine: bool) -> int | None:
        with self._channel() as channel:
            count = self._ready(channel)
        if count is None and not missing_is_fine:
            with self._channel() as channel:
                # says what is missing, in the broker's words
                channel.queue_declare(self._queue, passive=True)
        return count

    def _ready(self, channel: BlockingChannel) -> int | None:
        """Messages that are ready; None when there is no such queue (the channel is closed then)."""
        try:
            return int(channel.queue_declare(self._queue, passive=True).method.message_count)
        except ChannelClosedByBroker as error:
            if error.reply_code != 404:
                raise
            return None

    @contextlib.contextmanager
    def _channel(self) -> Iterator[BlockingChannel]:
        if self._opened is None:
            credentials = self.ports.credentials(self.settings.connection)
            self._opened = Broker(credentials, self.settings.timeout_seconds, idle=self.settings.idle_seconds)
        channel = self._opened.channel()
        try:
            yield channel
        finally:
            give_back(channel)

    @property
    def _queue(self) -> str:
        if self.settings.queue is None:
            raise ConfigError("The settings name no queue to pull from.", todo="Add `queue`.")
        return self.settings.queue

    @property
    def _place(self) -> str:
        where = self.settings.queue or "/".join(self.settings.destination)
        return f"{where} of {self.settings.connection}"
