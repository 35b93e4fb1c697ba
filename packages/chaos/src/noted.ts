import { defineTopic } from "@waybill/core";
import { z } from "zod";

/** The one topic of these tests: the `no`-th note of a key. */
export const Noted = defineTopic("note.taken", {
  version: 1,
  schema: z.object({ key: z.string(), no: z.number().int() }),
  key: (note) => note.key,
});
