import { createWaybill } from "@waybill/core";
import { pgTransaction, postgresStorage } from "@waybill/postgres";
import { expect, onTestFinished, test, vi } from "vitest";
import { Noted } from "../src/index.ts";
import { preparedDatabase } from "./prepared-database.ts";

const { pool } = preparedDatabase();

test.each([1, 2, 1_000])(
  "sendMany of %d messages is one statement, and they keep their order",
  async (count) => {
    await pool().query("truncate waybill.outbox");
    const waybill = createWaybill({ source: "notes", storage: postgresStorage({ pool: pool() }) });
    onTestFinished(() => waybill.stop());
    const notes = Array.from({ length: count }, (_, no) => ({ key: `k${no % 7}`, no }));
    const client = await pool().connect();
    try {
      await client.query("begin");
      await waybill.send(pgTransaction(client), Noted, { key: "first", no: 0 }); // looks up what it keeps for later
      const query = vi.spyOn(client, "query");
      const sent = await waybill.sendMany(pgTransaction(client), Noted, notes);
      expect(query).toHaveBeenCalledTimes(1);
      query.mockRestore();
      await client.query("commit");
      const { rows } = await client.query<{ id: string; payload: Buffer }>(
        "select message_id as id, payload from waybill.outbox where key <> 'first' order by outbox.id",
      );
      expect(rows.map(({ payload }) => JSON.parse(payload.toString()) as unknown)).toEqual(notes);
      expect(rows.map(({ id }) => id)).toEqual(sent.map(({ id }) => id));
    } finally {
      client.release();
    }
  },
);
