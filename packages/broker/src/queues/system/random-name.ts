import { randomBytes } from "node:crypto";

/** 22 characters that nobody guesses, for queues that the server names. */
export const randomName = (): string => randomBytes(16).toString("base64url");
