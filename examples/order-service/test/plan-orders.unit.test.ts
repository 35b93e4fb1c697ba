import { expect, test } from "vitest";
import { orderBody } from "../src/http/order-body.ts";
import { KillSchedule } from "../demo/kills/kill-schedule.ts";
import { CREDIT_LIMIT_CENTS, planOrders } from "../demo/plan-orders.ts";

test("the same number gives the same plan", () => {
  expect(planOrders(300)).toEqual(planOrders(300));
});

test("every planned order is one that the HTTP service takes", () => {
  for (const order of planOrders(2_000).orders) {
    expect(orderBody.parse(order).totalCents).toBe(Math.round(order.total * 100));
  }
});

test("some orders of a plan are rolled back, declined and out of stock, most are not", () => {
  const { orders, stock } = planOrders(500);
  const rolledBack = orders.filter(({ total }) => total * 100 > CREDIT_LIMIT_CENTS);
  expect(rolledBack.length / orders.length).toBeCloseTo(0.08, 1);
  const declined = orders.filter(({ total }) => Math.round(total * 100) % 100 === 13);
  expect(declined.length).toBeGreaterThan(20);
  const wanted = orders.filter(({ sku }) => sku === "watch").reduce((sum, { quantity }) => sum + quantity, 0);
  expect(wanted).toBeGreaterThan(stock.find(({ sku }) => sku === "watch")?.available ?? 0);
});

test("each part of the orders is followed by a kill, and its second half waits for the takeover", async () => {
  const schedule = new KillSchedule(90, 2);
  expect(schedule.thresholds).toEqual([30, 60]);
  await schedule.mayPlace(44);

  let placed = false;
  const second = schedule.mayPlace(45).then(() => (placed = true));
  await schedule.mayPlace(0);
  expect(placed).toBe(false);
  schedule.recovered(0);
  await second;
  await schedule.mayPlace(74);
});

test("without kills nothing waits", async () => {
  const schedule = new KillSchedule(10, 0);
  expect(schedule.thresholds).toEqual([]);
  await schedule.mayPlace(9);
});
