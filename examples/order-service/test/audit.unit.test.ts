import { describe, expect, test } from "vitest";
import { audit } from "../demo/audit/audit.ts";
import type { Finding } from "../demo/audit/finding.ts";
import { factsOfAGoodDay, type Draft } from "./facts-of-a-good-day.ts";

/** What the audit says about a good day that `spoil` made bad. */
function after(spoil: (facts: Draft) => void): readonly Finding[] {
  const facts = factsOfAGoodDay();
  spoil(facts);
  return audit(facts);
}

test("a good day has no findings", () => {
  expect(audit(factsOfAGoodDay())).toEqual([]);
});

describe("lost", () => {
  test("a committed order without message and effects", () => {
    const findings = after((facts) => {
      const others = ({ orderId }: { orderId: string | null }): boolean => orderId !== "o-3";
      facts.messages = facts.messages.filter(others);
      facts.history = facts.history.filter(others);
      facts.movements = facts.movements.filter(others);
      facts.charges = facts.charges.filter(others);
      facts.stock = [{ sku: "anvil", available: 9 }];
      facts.accounts = [{ customerId: "c-1", openingCents: 10_000, balanceCents: 9_500 }];
      facts.customers = [{ customerId: "c-1", openCents: 500, lastOrderNo: 3 }];
      for (const order of facts.orders) if (order.orderId === "o-3") order.status = "placed";
    });
    expect(findings).toEqual([
      {
        kind: "lost",
        subject: "order o-3",
        what: expect.stringMatching(/the message order\.placed, .* neither confirmed nor rejected/) as string,
      },
    ]);
  });

  test("a committed message that its group never handled", () => {
    const findings = after((facts) => {
      facts.history = facts.history.filter(
        ({ topic, orderId }) => topic !== "stock.reserved" || orderId !== "o-1",
      );
    });
    expect(findings).toMatchObject([{ kind: "lost", subject: "order o-1" }]);
    expect(findings[0]?.what).toContain("stock.reserved handled by payment");
  });

  test("stock of a rejected order that was not put back", () => {
    const findings = after((facts) => {
      facts.movements = facts.movements.filter(({ reason }) => reason !== "released");
      facts.stock = [{ sku: "anvil", available: 7 }];
    });
    expect(findings).toMatchObject([{ kind: "lost", subject: "order o-2" }]);
  });

  test("an order that a client was promised", () => {
    const findings = after((facts) => {
      facts.answers = { ...facts.answers, placed: ["o-1", "o-2", "o-3", "o-5"] };
    });
    expect(findings).toMatchObject([{ kind: "lost", subject: "order o-5" }]);
  });

  test("a charge whose account did not move", () => {
    const findings = after((facts) => {
      facts.accounts = [{ customerId: "c-1", openingCents: 10_000, balanceCents: 9_500 }];
    });
    expect(findings).toMatchObject([{ kind: "lost", subject: "account c-1" }]);
  });
});

describe("orphans", () => {
  test("a message of an order that was never committed", () => {
    const findings = after((facts) => {
      facts.messages.push({ topic: "order.placed", orderId: "o-x", customerId: "c-1", customerOrderNo: 9 });
    });
    expect(findings).toMatchObject([{ kind: "orphan", subject: "order o-x" }]);
  });

  test("an order that a client was told is rolled back", () => {
    const findings = after((facts) => {
      facts.answers = { ...facts.answers, rolledBack: ["o-2"] };
    });
    expect(findings).toMatchObject([{ kind: "orphan", subject: "order o-2" }]);
  });

  test("a number that a rolled-back order used up", () => {
    const findings = after((facts) => {
      facts.customers = [{ customerId: "c-1", openCents: 0, lastOrderNo: 4 }];
    });
    expect(findings).toMatchObject([{ kind: "orphan", subject: "customer c-1" }]);
  });
});

describe("double effects", () => {
  test("a second charge", () => {
    const findings = after((facts) => {
      facts.charges.push({ orderId: "o-1", customerId: "c-1", amountCents: 500 });
      facts.accounts = [{ customerId: "c-1", openingCents: 10_000, balanceCents: 8_500 }];
    });
    expect(findings).toEqual([
      { kind: "double effect", subject: "order o-1", what: "a charge is there 2 times" },
    ]);
  });

  test("a balance that went down without a charge", () => {
    const findings = after((facts) => {
      facts.accounts = [{ customerId: "c-1", openingCents: 10_000, balanceCents: 8_500 }];
    });
    expect(findings).toMatchObject([{ kind: "double effect", subject: "account c-1" }]);
  });

  test("stock that moved without a record, in either direction", () => {
    for (const available of [7, 9]) {
      const findings = after((facts) => {
        facts.stock = [{ sku: "anvil", available }];
      });
      expect(findings).toMatchObject([{ kind: "double effect", subject: "article anvil" }]);
    }
  });

  test("a message that was sent twice", () => {
    const findings = after((facts) => {
      facts.messages.push({
        topic: "order.confirmed",
        orderId: "o-1",
        customerId: "c-1",
        customerOrderNo: 1,
      });
    });
    expect(findings).toMatchObject([{ kind: "double effect", subject: "order o-1" }]);
  });

  test("credit that was freed twice", () => {
    const findings = after((facts) => {
      facts.customers = [{ customerId: "c-1", openCents: -500, lastOrderNo: 3 }];
    });
    expect(findings).toMatchObject([{ kind: "double effect", subject: "customer c-1" }]);
  });

  test("an order that is rejected and charged", () => {
    const findings = after((facts) => {
      facts.charges.push({ orderId: "o-2", customerId: "c-1", amountCents: 500 });
      facts.accounts = [{ customerId: "c-1", openingCents: 10_000, balanceCents: 8_500 }];
    });
    expect(findings).toMatchObject([{ kind: "double effect", subject: "order o-2" }]);
  });
});

describe("out of order", () => {
  test("an order that was handled after a later one of its customer", () => {
    const findings = after((facts) => {
      const first = facts.history.findIndex(({ orderId }) => orderId === "o-1");
      const [moved] = facts.history.splice(first, 1);
      if (moved !== undefined) facts.history.push(moved);
    });
    expect(findings).toEqual([
      {
        kind: "out of order",
        subject: "customer c-1",
        what: "inventory handled order.placed of order o-1 (no. 1) after order o-3 (no. 3)",
      },
    ]);
  });

  test("different customers, and different steps, may overtake each other", () => {
    const findings = after((facts) => {
      facts.history.reverse();
      for (const entry of facts.history) entry.customerId = `c-${entry.customerOrderNo}`;
    });
    expect(findings).toEqual([]);
  });
});
