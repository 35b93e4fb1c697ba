import { clientOf } from "./broker-clients.ts";
import { emptyBody, loadFromEnvironment, nowMs, say, writeBody } from "./broker-load.ts";
import { quantile } from "./report.ts";

/** Publishes its load and says when it began, when everything was confirmed, and how long single confirms took. */
const load = loadFromEnvironment();
const { messages, window, perSecond } = load;
const body = emptyBody();
const confirmMs: number[] = [];
/** When the messages were published that are not confirmed, for small windows. */
let publishedAt = 0;
let published = 0;
let confirmed = 0;
let begunAt = 0;
const done = Promise.withResolvers<void>();

const publisher = await clientOf(load).connectPublisher(load, (count) => {
  confirmed += count;
  if (window === 1) confirmMs.push(nowMs() - publishedAt);
  if (confirmed === messages) done.resolve();
  else if (perSecond === null) publishMore(nowMs());
});

/** Fills the window, at most up to `due` messages in all. */
function publishMore(at: number, due: number = messages): void {
  publishedAt = at;
  while (published < due && published - confirmed < window) {
    writeBody(body, published, perSecond === null ? at : begunAt + (published / perSecond) * 1_000);
    publisher.publish(body);
    published += 1;
  }
  publisher.flush();
}

begunAt = nowMs();
if (perSecond === null) publishMore(begunAt);
else {
  const rate = perSecond;
  const timer = setInterval(() => {
    const at = nowMs();
    publishMore(at, Math.min(messages, Math.floor(((at - begunAt) * rate) / 1_000)));
    if (published === messages) clearInterval(timer);
  }, 1);
}
await done.promise;
say({ event: "published", begunAt, endedAt: nowMs(), confirmP50Ms: quantile(confirmMs, 0.5) });
await publisher.close();
