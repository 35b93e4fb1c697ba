import com.rabbitmq.client.AMQP.BasicProperties;
import com.rabbitmq.client.Channel;
import com.rabbitmq.client.Connection;
import com.rabbitmq.client.ConnectionFactory;
import com.rabbitmq.client.GetResponse;
import com.rabbitmq.client.LongString;
import com.rabbitmq.client.Recoverable;
import com.rabbitmq.client.RecoveryListener;
import com.rabbitmq.client.ShutdownSignalException;
import java.io.IOException;
import java.math.BigDecimal;
import java.util.Arrays;
import java.util.Date;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * What a service written in Java does with amqp-client, which connects again and declares everything again by itself;
 * the test that starts it kills the broker at the event "half".
 */
public class RoundTrip {
  static final String QUEUE = System.getenv("QUEUE");
  static final int COUNT = Integer.parseInt(System.getenv("COUNT"));
  static final int HELD = 10;
  static final long PATIENCE_MS = 30_000;

  public static void main(String[] args) throws Exception {
    ConnectionFactory factory = new ConnectionFactory();
    factory.setUri(System.getenv("AMQP_URL"));
    factory.setNetworkRecoveryInterval(200);
    Connection connection = factory.newConnection();
    CountDownLatch recovered = new CountDownLatch(1);
    ((Recoverable) connection).addRecoveryListener(new RecoveryListener() {
      @Override
      public void handleRecovery(Recoverable recoverable) {
        recovered.countDown();
      }

      @Override
      public void handleRecoveryStarted(Recoverable recoverable) {}
    });
    tell("connected", "\"product\":\"" + connection.getServerProperties().get("product") + "\"");

    Channel channel = connection.createChannel();
    channel.exchangeDeclare(QUEUE, "direct", true);
    channel.queueDeclare(QUEUE, true, false, false, null);
    channel.queueBind(QUEUE, QUEUE, "key");
    channel.confirmSelect();
    publish(channel, 0, COUNT / 2);
    String facts = "\"missing\":" + missingQueue(connection) + ",\"unroutable\":" + unroutable(channel)
        + ",\"propertiesSurvive\":" + propertiesSurvive(channel);

    Channel holding = connection.createChannel();
    holding.basicQos(HELD);
    BlockingQueue<Integer> held = new LinkedBlockingQueue<>();
    String tag = holding.basicConsume(QUEUE, false, (consumer, delivery) -> held.add(numberOf(delivery.getBody())),
        consumer -> {});
    int[] numbers = new int[HELD];
    for (int index = 0; index < HELD; index++) numbers[index] = held.poll(PATIENCE_MS, TimeUnit.MILLISECONDS);
    connection.addShutdownListener(cause -> tell("lost", null));
    tell("half", "\"held\":" + Arrays.toString(numbers) + "," + facts);

    if (!recovered.await(PATIENCE_MS, TimeUnit.MILLISECONDS)) throw new IOException("no recovery");
    tell("reconnected", null);
    holding.close(); // Recovery consumes again: that consumer ends here, and what it got goes back.
    channel.confirmSelect();
    publish(channel, COUNT / 2, COUNT);
    consume(connection);
    System.exit(0);
  }

  /** Returns when the broker has confirmed each of them. */
  static void publish(Channel channel, int from, int to) throws Exception {
    BasicProperties persistent = new BasicProperties.Builder().deliveryMode(2).build();
    for (int number = from; number < to; number++) {
      channel.basicPublish(QUEUE, "key", true, persistent, Integer.toString(number).getBytes());
    }
    channel.waitForConfirmsOrDie(PATIENCE_MS);
  }

  /** The code with which the broker closes a channel that asks for a queue which is not there. */
  static int missingQueue(Connection connection) throws IOException {
    try {
      connection.createChannel().queueDeclarePassive(QUEUE + ".missing");
      return 0;
    } catch (IOException error) {
      ShutdownSignalException closed = (ShutdownSignalException) error.getCause();
      return ((com.rabbitmq.client.AMQP.Channel.Close) closed.getReason()).getReplyCode();
    }
  }

  static boolean unroutable(Channel channel) throws Exception {
    CountDownLatch returned = new CountDownLatch(1);
    channel.addReturnListener(message -> returned.countDown());
    channel.basicPublish(QUEUE, "nowhere", true, null, new byte[0]);
    return returned.await(PATIENCE_MS, TimeUnit.MILLISECONDS);
  }

  static boolean propertiesSurvive(Channel channel) throws Exception {
    Map<String, Object> headers = new LinkedHashMap<>();
    headers.put("text", "grüße");
    headers.put("truth", true);
    headers.put("byte", (byte) -3);
    headers.put("short", (short) 300);
    headers.put("int", 1 << 30);
    headers.put("long", -1L << 40);
    headers.put("float", 1.5f);
    headers.put("double", 2.25);
    headers.put("decimal", new BigDecimal("1.25"));
    headers.put("time", new Date(1_700_000_000_000L));
    headers.put("nothing", null);
    headers.put("list", List.of(1, 2, Map.of("three", 3)));
    headers.put("table", Map.of("inner", Map.of("deep", 4)));
    BasicProperties sent = new BasicProperties("application/json", "identity", headers, 2, 3, "correlation",
        "reply", "60000", "message", new Date(1_700_000_000_000L), "type", null, "app", null);
    String queue = channel.queueDeclare("", false, true, false, null).getQueue();
    channel.basicPublish("", queue, sent, "{}".getBytes());
    channel.waitForConfirmsOrDie(PATIENCE_MS);
    GetResponse got = channel.basicGet(queue, true);
    Map<String, Object> back = new LinkedHashMap<>(got.getProps().getHeaders());
    back.computeIfPresent("text", (name, text) -> new String(((LongString) text).getBytes(), java.nio.charset.StandardCharsets.UTF_8));
    BasicProperties same = got.getProps().builder().headers(back).build();
    return sent.equals(same) && new String(got.getBody()).equals("{}");
  }

  /** Tells every number in the order of its first arrival; each delivery is acknowledged. */
  static void consume(Connection connection) throws Exception {
    Channel channel = connection.createChannel();
    channel.basicQos(HELD);
    LinkedHashSet<Integer> received = new LinkedHashSet<>();
    AtomicInteger again = new AtomicInteger();
    CountDownLatch all = new CountDownLatch(COUNT);
    String tag = channel.basicConsume(QUEUE, false, (consumer, delivery) -> {
      if (delivery.getEnvelope().isRedeliver()) again.incrementAndGet();
      if (received.add(numberOf(delivery.getBody()))) all.countDown();
      channel.basicAck(delivery.getEnvelope().getDeliveryTag(), false);
    }, consumer -> {});
    all.await(PATIENCE_MS, TimeUnit.MILLISECONDS);
    channel.basicCancel(tag);
    int left = channel.queueDeclarePassive(QUEUE).getMessageCount();
    tell("done", "\"received\":" + received + ",\"redelivered\":" + again + ",\"left\":" + left);
  }

  static int numberOf(byte[] body) {
    return Integer.parseInt(new String(body));
  }

  static void tell(String event, String facts) {
    System.out.println("{\"event\":\"" + event + "\"" + (facts == null ? "" : "," + facts) + "}");
  }
}
