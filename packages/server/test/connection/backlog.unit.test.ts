import { expect, test } from "vitest";
import { Backlog, type Frame } from "../../src/connection/backlog.ts";

function frame(channel: number, bytes: number | Buffer = 1): Frame {
  const payload = typeof bytes === "number" ? Buffer.alloc(bytes) : bytes;
  return { type: 1, channel, bytes: payload, start: 0, end: payload.length, payload: () => payload };
}

test("frames of a busy channel wait in order, and those of others do not", () => {
  const backlog = new Backlog();
  backlog.begin(1);
  expect([backlog.holds(1), backlog.holds(2), backlog.isFull]).toEqual([true, false, false]);
  for (const text of ["a", "b"]) backlog.add(frame(1, Buffer.from(text)));
  expect(backlog.take()).toBeUndefined();
  backlog.end(1);
  expect(backlog.holds(1)).toBe(true);
  expect(backlog.take()?.payload().toString()).toBe("a");
  backlog.begin(1);
  expect(backlog.take()).toBeUndefined();
  backlog.end(1);
  expect(backlog.take()?.payload().toString()).toBe("b");
  expect([backlog.isEmpty, backlog.holds(1)]).toEqual([true, false]);
});

test("a frame of channel 0 waits for all, and nothing behind it is taken", () => {
  const backlog = new Backlog();
  expect(backlog.holds(0)).toBe(false);
  backlog.begin(1);
  backlog.begin(2);
  backlog.add(frame(2));
  expect(backlog.holds(0)).toBe(true);
  backlog.add(frame(0));
  expect(backlog.isFull).toBe(true);
  backlog.end(2);
  expect(backlog.take()?.channel).toBe(2);
  expect(backlog.take()).toBeUndefined();
  backlog.end(1);
  expect(backlog.take()?.channel).toBe(0);
  expect([backlog.isFull, backlog.isEmpty]).toEqual([false, true]);
});

test("a login holds up everything", () => {
  const backlog = new Backlog();
  backlog.begin(0);
  expect([backlog.isFull, backlog.isBusy]).toEqual([true, true]);
  backlog.end(0);
  expect([backlog.isFull, backlog.isBusy]).toEqual([false, false]);
});

test("it is full after 1,024 frames or 256 KiB, and keeps nothing of what the frames lay in", () => {
  const many = new Backlog();
  many.begin(1);
  for (let index = 0; index < 1_024; index += 1) {
    expect(many.isFull).toBe(false);
    many.add(frame(1, 0));
  }
  expect(many.isFull).toBe(true);

  const large = new Backlog();
  large.begin(1);
  const chunk = Buffer.alloc(1_000_000);
  large.add({ ...frame(1), bytes: chunk, start: 10, end: 10 + 262_143 });
  expect(large.isFull).toBe(false);
  large.add({ ...frame(1), bytes: chunk, start: 0, end: 1 });
  expect(large.isFull).toBe(true);
  large.end(1);
  expect(large.take()?.bytes.buffer.byteLength).toBe(262_143);
  expect(large.isFull).toBe(false);
  large.clear();
  expect(large.isEmpty).toBe(true);
});
