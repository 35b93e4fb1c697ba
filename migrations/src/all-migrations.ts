import type { Migration } from "./migration.ts";
import { settings } from "./steps/001-settings.ts";
import { outbox } from "./steps/002-outbox.ts";
import { parked } from "./steps/003-parked.ts";
import { deadLetter } from "./steps/004-dead-letter.ts";
import { relay } from "./steps/005-relay.ts";
import { inbox } from "./steps/006-inbox.ts";
import { job } from "./steps/007-job.ts";

/** Every migration in the order of application. Published ones never change; the schema goes on by adding to them. */
export const ALL_MIGRATIONS: readonly Migration[] = [settings, outbox, parked, deadLetter, relay, inbox, job];
