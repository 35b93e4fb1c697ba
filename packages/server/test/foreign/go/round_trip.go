// What a service written in Go does with amqp091-go; the test that starts it kills the broker at the event "half".
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"os"
	"reflect"
	"strconv"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

const held = 10
const patience = 30 * time.Second

var (
	url   = os.Getenv("AMQP_URL")
	queue = os.Getenv("QUEUE")
	count = must(strconv.Atoi(os.Getenv("COUNT")))
)

func main() {
	connection := must(amqp.Dial(url))
	tell("connected", map[string]any{"product": connection.Properties["product"]})
	channel := must(connection.Channel())
	check(channel.ExchangeDeclare(queue, "direct", true, false, false, false, nil))
	must(channel.QueueDeclare(queue, true, false, false, false, nil))
	check(channel.QueueBind(queue, "key", queue, false, nil))
	check(channel.Confirm(false))
	publish(channel, 0, count/2)
	facts := map[string]any{
		"missing":           missingQueue(connection),
		"unroutable":        unroutable(channel),
		"propertiesSurvive": propertiesSurvive(channel),
	}
	lost := connection.NotifyClose(make(chan *amqp.Error, 1))
	facts["held"] = hold(channel)
	tell("half", facts)

	<-lost
	tell("lost", nil)
	connection = reconnected()
	tell("reconnected", nil)
	channel = must(connection.Channel())
	check(channel.Confirm(false))
	publish(channel, count/2, count)
	received, again := consume(channel)
	left := must(channel.QueueDeclarePassive(queue, true, false, false, false, nil)).Messages
	check(connection.Close())
	tell("done", map[string]any{"received": received, "redelivered": again, "left": left})
}

// Returns when the broker has confirmed each of them.
func publish(channel *amqp.Channel, from, to int) {
	var confirms []*amqp.DeferredConfirmation
	for number := from; number < to; number++ {
		message := amqp.Publishing{DeliveryMode: amqp.Persistent, Body: []byte(strconv.Itoa(number))}
		confirms = append(confirms, must(channel.PublishWithDeferredConfirmWithContext(
			context.Background(), queue, "key", true, false, message)))
	}
	for _, confirm := range confirms {
		if !confirm.Wait() {
			log.Fatal("the broker refused a message")
		}
	}
}

// The code with which the broker closes a channel that asks for a queue which is not there.
func missingQueue(connection *amqp.Connection) int {
	channel := must(connection.Channel())
	_, err := channel.QueueDeclarePassive(queue+".missing", true, false, false, false, nil)
	var closed *amqp.Error
	if errors.As(err, &closed) {
		return closed.Code
	}
	return 0
}

func unroutable(channel *amqp.Channel) bool {
	returns := channel.NotifyReturn(make(chan amqp.Return, 1))
	check(channel.PublishWithContext(context.Background(), queue, "nowhere", true, false, amqp.Publishing{}))
	select {
	case returned := <-returns:
		return returned.ReplyCode == amqp.NoRoute
	case <-time.After(patience):
		return false
	}
}

func propertiesSurvive(channel *amqp.Channel) bool {
	sent := amqp.Publishing{
		Headers: amqp.Table{
			"text": "grüße", "truth": true, "byte": byte(200), "short": int16(-7), "int": int32(1 << 30),
			"long": int64(-1 << 40), "float": float32(1.5), "double": 2.25,
			"decimal": amqp.Decimal{Scale: 2, Value: 125},
			"time":    time.Unix(1700000000, 0), "nothing": nil,
			"list":  []any{int32(1), "two", amqp.Table{"three": int32(3)}},
			"table": amqp.Table{"inner": amqp.Table{"deep": "value"}},
			"bytes": []byte{0, 1, 255},
		},
		ContentType: "application/json", ContentEncoding: "identity", DeliveryMode: amqp.Persistent, Priority: 3,
		CorrelationId: "correlation", ReplyTo: "reply", Expiration: "60000", MessageId: "message",
		Timestamp: time.Unix(1700000000, 0), Type: "type", AppId: "app", Body: []byte("{}"),
	}
	own := must(channel.QueueDeclare("", false, false, true, false, nil))
	confirm := must(channel.PublishWithDeferredConfirmWithContext(context.Background(), "", own.Name, false, false, sent))
	confirm.Wait()
	got, ok, err := channel.Get(own.Name, true)
	check(err)
	back := amqp.Publishing{
		Headers: got.Headers, ContentType: got.ContentType, ContentEncoding: got.ContentEncoding,
		DeliveryMode: got.DeliveryMode, Priority: got.Priority, CorrelationId: got.CorrelationId,
		ReplyTo: got.ReplyTo, Expiration: got.Expiration, MessageId: got.MessageId, Timestamp: got.Timestamp,
		Type: got.Type, AppId: got.AppId, Body: got.Body,
	}
	return ok && reflect.DeepEqual(sent, back)
}

func hold(channel *amqp.Channel) []int {
	check(channel.Qos(held, 0, false))
	deliveries := must(channel.Consume(queue, "", false, false, false, false, nil))
	var numbers []int
	for len(numbers) < held {
		delivery := <-deliveries
		numbers = append(numbers, must(strconv.Atoi(string(delivery.Body))))
	}
	return numbers
}

// amqp091-go leaves it to the service to connect again.
func reconnected() *amqp.Connection {
	for deadline := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		connection, err := amqp.Dial(url)
		if err == nil {
			return connection
		}
		if time.Now().After(deadline) {
			log.Fatal(err)
		}
	}
}

// Every number in the order of its first arrival; each delivery is acknowledged.
func consume(channel *amqp.Channel) (received []int, again int) {
	check(channel.Qos(held, 0, false))
	deliveries := must(channel.Consume(queue, "all", false, false, false, false, nil))
	seen := map[int]bool{}
	for len(received) < count {
		select {
		case delivery := <-deliveries:
			number := must(strconv.Atoi(string(delivery.Body)))
			if delivery.Redelivered {
				again++
			}
			if !seen[number] {
				seen[number] = true
				received = append(received, number)
			}
			check(delivery.Ack(false))
		case <-time.After(patience):
			return received, again
		}
	}
	check(channel.Cancel("all", false))
	return received, again
}

func tell(event string, facts map[string]any) {
	line := map[string]any{"event": event}
	for name, fact := range facts {
		line[name] = fact
	}
	fmt.Println(string(must(json.Marshal(line))))
}

func must[T any](value T, err error) T {
	check(err)
	return value
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
