"""Publishing with confirms: one message after the other, each answered for before the next."""

from __future__ import annotations

import time
from collections.abc import Mapping

from pika import BasicProperties, DeliveryMode
from pika import exceptions as driver
from pika.adapters.blocking_connection import BlockingChannel

from orderhub.connector import Outcome, OutcomeState

UNROUTABLE = "CONNECTOR_UNROUTABLE"


class Publisher:
    """A channel in confirm mode, to one exchange and routing key."""

    def __init__(self, channel: BlockingChannel, destination: tuple[str, str]) -> None:
        self._channel = channel
        self._exchange, self._routing_key = destination
        self._lost: str | None = None
        channel.confirm_delivery()

    def publish(
        self, key: str, data: bytes, *, media_type: str | None, kind: str, headers: Mapping[str, str]
    ) -> Outcome:
        """One message, persistent and mandatory, with the key as its message id. ``written`` when the broker confirmed it,
        ``rejected`` when no queue is bound that would take it, ``unclear`` when the broker did not say."""
        if self._lost is not None:
            return Outcome(
                key=key, state=OutcomeState.UNCLEAR, reason=f"Not sent, or not answered: {self._lost}."
            )
        properties = BasicProperties(
            message_id=key[:255],
            content_type=media_type,
            type=kind,
            app_id="orderhub",
            timestamp=int(time.time()),
            delivery_mode=DeliveryMode.Persistent.value,
            headers={"idempotency-key": key, **headers},
        )
        try:
            self._channel.basic_publish(
                self._exchange, self._routing_key, data, properties=properties, mandatory=True
            )
        except driver.UnroutableError:
            where = f"exchange {self._exchange!r} with the routing key {self._routing_key!r}"
            return Outcome(
                key=key,
                state=OutcomeState.REJECTED,
                code=UNROUTABLE,
                reason=f"No queue takes what is published to {where}. Bind one, then try again.",
            )
        except driver.NackError:
            return Outcome(
                key=key, state=OutcomeState.UNCLEAR, reason="The broker did not take it (nack): a full queue?"
            )
        except (driver.AMQPError, OSError) as error:
            self._lost = str(error) or type(error).__name__
            return Outcome(
                key=key, state=OutcomeState.UNCLEAR, reason=f"The broker did not confirm it: {self._lost}."
            )
        return Outcome(key=key, state=OutcomeState.WRITTEN, reference=key)
