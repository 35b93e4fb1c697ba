import { defineTopic, type Topic } from "@waybill/core";
import { z } from "zod";

const first = z.object({ order: z.string(), no: z.number().int(), grams: z.number() });
const second = z.object({ order: z.string(), no: z.number().int(), weight: z.object({ kg: z.number() }) });

/** A topic before and after a change of its payload that no reader of the other version understands. */
export const ShipmentV1 = defineTopic("shipment.packed", {
  version: 1,
  schema: first,
  key: ({ order }) => order,
});

export const ShipmentV2 = defineTopic("shipment.packed", {
  version: 2,
  schema: second,
  key: ({ order }) => order,
  upcast: { 1: ({ grams, ...rest }: z.output<typeof first>) => ({ ...rest, weight: { kg: grams / 1_000 } }) },
});

/** A topic that came with the second version. */
export const ShipmentRated = defineTopic("shipment.rated", {
  version: 1,
  schema: z.object({ order: z.string(), no: z.number().int() }),
  key: ({ order }) => order,
});

export const topicsOf = (version: "1" | "2"): readonly Topic[] =>
  version === "1" ? [ShipmentV1] : [ShipmentV2, ShipmentRated];
