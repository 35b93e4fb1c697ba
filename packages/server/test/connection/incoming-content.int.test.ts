import * as fc from "fast-check";
import { expect, test } from "vitest";
import { IncomingContent } from "../../src/channel/incoming-content.ts";

const method = {
  name: "basic.publish",
  exchange: "",
  routingKey: "q",
  mandatory: false,
  immediate: false,
} as const;

function arriving(bodySize: number): IncomingContent {
  const content = new IncomingContent(method);
  content.begin({ bodySize, properties: Buffer.alloc(2) });
  return content;
}

test("a body is whole with its last part, however it was cut", () => {
  const parts = fc.array(
    fc.uint8Array({ maxLength: 50 }).map((bytes) => Buffer.from(bytes)),
    { minLength: 1, maxLength: 30 },
  );
  fc.assert(
    fc.property(parts, (cut) => {
      const whole = Buffer.concat(cut);
      const content = arriving(whole.length);
      for (const part of cut) content.append(part);
      expect(content.isWhole).toBe(true);
      expect(content.body.equals(whole)).toBe(true);
    }),
  );
});

test("a body of one part is not copied, and one of several leaves what arrived as it was", () => {
  const part = Buffer.from("whole");
  const one = arriving(part.length);
  one.append(part);
  expect(one.body).toBe(part);
  const two = arriving(10);
  two.append(part);
  two.append(Buffer.from("parts"));
  expect(two.body.toString()).toBe("wholeparts");
  expect(part.toString()).toBe("whole");
});

test("a body that comes byte by byte takes little more memory than its bytes", () => {
  const bodySize = 1_000_000;
  const content = arriving(bodySize + 1);
  const { heapUsed } = process.memoryUsage();
  for (let sent = 0; sent < bodySize; sent += 1) content.append(Buffer.of(1));
  expect(process.memoryUsage().heapUsed - heapUsed).toBeLessThan(60 * bodySize);
  expect(content.body).toHaveLength(bodySize);
  expect(content.body.buffer.byteLength).toBeLessThan(3 * bodySize);
});

test("a body of more bytes than its header said is refused", () => {
  const content = arriving(3);
  content.append(Buffer.from("ab"));
  expect(() => content.append(Buffer.from("cd"))).toThrow(expect.objectContaining({ reply: 501 }));
});
