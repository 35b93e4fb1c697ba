import { defineTopic, type OrderMode } from "@waybill/core";
import { z } from "zod";

/** The `no`-th step of a key, in either order mode. */
const step = (name: string, order: OrderMode) =>
  defineTopic(name, {
    version: 1,
    schema: z.object({ key: z.string(), no: z.number().int() }),
    key: ({ key }) => key,
    order,
  });

export const Blocking = step("step.blocking", "blocking");
export const Parking = step("step.parking", "parking");
