"""What a service written in Python does with pika; the test that starts it kills the broker at the event "half"."""

import datetime
import decimal
import json
import os
import time

import pika

URL = pika.URLParameters(os.environ["AMQP_URL"])
QUEUE = os.environ["QUEUE"]
COUNT = int(os.environ["COUNT"])
HALF = COUNT // 2
HELD = 10
RECONNECT_SECONDS = 30

HEADERS = {
    "text": "grüße",
    "truth": True,
    "small": 7,
    "large": 1 << 40,
    "negative": -5,
    "decimal": decimal.Decimal("1.25"),
    "time": datetime.datetime(2026, 11, 22, 20, tzinfo=datetime.timezone.utc),
    "nothing": None,
    "list": [1, "two", {"three": 3}],
    "table": {"inner": {"deep": "value"}},
    "bytes": b"\x00\x01\xff",
}


def tell(event, **facts):
    print(json.dumps({"event": event, **facts}), flush=True)


def publish(channel, numbers):
    """Returns when the broker has confirmed each of them."""
    for number in numbers:
        channel.basic_publish(
            QUEUE, "key", str(number).encode(), pika.BasicProperties(delivery_mode=2), mandatory=True
        )


def missing_queue(connection):
    """The code with which the broker closes a channel that asks for a queue which is not there."""
    try:
        connection.channel().queue_declare(QUEUE + ".missing", passive=True)
    except pika.exceptions.ChannelClosedByBroker as closed:
        return closed.reply_code


def unroutable(channel):
    try:
        channel.basic_publish(QUEUE, "nowhere", b"", mandatory=True)
    except pika.exceptions.UnroutableError:
        return True
    return False


def properties_survive(channel):
    sent = pika.BasicProperties(
        content_type="application/json",
        content_encoding="identity",
        headers=HEADERS,
        delivery_mode=2,
        priority=3,
        correlation_id="correlation",
        reply_to="reply",
        expiration="60000",
        message_id="message",
        timestamp=1700000000,
        type="type",
        app_id="app",
    )
    queue = channel.queue_declare("", exclusive=True).method.queue
    channel.basic_publish("", queue, b"{}", sent)
    _, properties, body = channel.basic_get(queue, auto_ack=True)
    return body == b"{}" and properties == sent


def reconnected():
    """pika leaves it to the service to connect again."""
    deadline = time.monotonic() + RECONNECT_SECONDS
    while True:
        try:
            return pika.BlockingConnection(URL)
        except pika.exceptions.AMQPConnectionError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def consume(channel):
    """Every number in the order of its first arrival; each delivery is acknowledged."""
    received, again = [], 0
    for method, _, body in channel.consume(QUEUE, inactivity_timeout=20):
        if method is None:
            break
        number = int(body)
        again += method.redelivered
        if number not in received:
            received.append(number)
        channel.basic_ack(method.delivery_tag)
        if len(received) == COUNT:
            break
    channel.cancel()
    return received, again


connection = pika.BlockingConnection(URL)
tell("connected", product=connection._impl.server_properties.get("product"))
channel = connection.channel()
channel.exchange_declare(QUEUE, "direct", durable=True)
channel.queue_declare(QUEUE, durable=True)
channel.queue_bind(QUEUE, QUEUE, "key")
channel.confirm_delivery()
publish(channel, range(HALF))

facts = {
    "missing": missing_queue(connection),
    "unroutable": unroutable(channel),
    "propertiesSurvive": properties_survive(channel),
}

channel.basic_qos(prefetch_count=HELD)
held = [body for _, (_, _, body) in zip(range(HELD), channel.consume(QUEUE, inactivity_timeout=20))]
tell("half", held=[int(body) for body in held], **facts)

try:
    while True:
        connection.process_data_events(time_limit=1)
except pika.exceptions.AMQPConnectionError:
    tell("lost")

connection = reconnected()
tell("reconnected")
channel = connection.channel()
channel.confirm_delivery()
publish(channel, range(HALF, COUNT))
channel.basic_qos(prefetch_count=HELD)
received, again = consume(channel)
left = channel.queue_declare(QUEUE, passive=True).method.message_count
connection.close()
tell("done", received=received, redelivered=again, left=left)
