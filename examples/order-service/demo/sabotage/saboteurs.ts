import type { Sabotage } from "../flags.ts";
import { chargeTwice } from "./charge-twice.ts";
import { forgeMessage } from "./forge-message.ts";
import { loseMessage } from "./lose-message.ts";
import type { Saboteur } from "./saboteur.ts";
import { swapMessages } from "./swap-messages.ts";

export const SABOTEURS: Readonly<Record<Sabotage, Saboteur>> = {
  lose: loseMessage,
  orphan: forgeMessage,
  double: chargeTwice,
  swap: swapMessages,
};
