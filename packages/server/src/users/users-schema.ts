import { z } from "zod";
import { readPasswordHash, type PasswordHash } from "./password-hash.ts";
import { permissionPattern, type PermissionPattern } from "./permission-pattern.ts";

const USERS_MAX = 10_000;

/** A user's name, or a virtual host's. */
const nameSchema = z
  .string()
  .min(1)
  .refine(
    (name) => Buffer.byteLength(name) <= 255 && !/\p{Cc}/u.test(name),
    "give a name of 1 to 255 bytes without control characters",
  );

const patternSchema = z.string().transform((text, context): PermissionPattern & { readonly text: string } => {
  try {
    return { text, ...permissionPattern(text) };
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    context.addIssue({ code: "custom", message: `${JSON.stringify(text)} is no pattern: ${error.message}` });
    return z.NEVER;
  }
});

const permissionsSchema = z.strictObject({
  configure: patternSchema,
  write: patternSchema,
  read: patternSchema,
});

const userSchema = z.strictObject({
  password: z.string().transform((text, context): PasswordHash => {
    const hash = readPasswordHash(text);
    if (hash !== undefined) return hash;
    context.addIssue({
      code: "custom",
      message: "is no hash that can be verified: make one with `waybill broker hash-password`",
    });
    return z.NEVER;
  }),
  /** By the name of the virtual host; one that is missing may not be entered. */
  permissions: z.record(nameSchema, permissionsSchema).default({}),
});

/** What `users.json` holds. */
export const usersSchema = z.strictObject({
  version: z.literal(1),
  users: z
    .record(nameSchema, userSchema)
    .refine((users) => Object.keys(users).length <= USERS_MAX, `give at most ${USERS_MAX} users`),
});

/** As it stands in the file. */
export type StoredUsers = z.input<typeof usersSchema>;
export type StoredPermissions = Readonly<z.input<typeof permissionsSchema>>;
export type User = z.output<typeof userSchema>;
/** By name. */
export type Users = ReadonlyMap<string, User>;
