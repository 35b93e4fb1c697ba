export { startServer } from "./start-server.ts";
export type { BoundAddress, ListenOn, RunningServer, ServerOptions, ServerReport } from "./options.ts";
export { limitsSchema, type ResolvedServerLimits, type ServerLimits } from "./limits.ts";
export type { ServerEvent, ServerEventListener } from "./events.ts";
export { startBroker, usersFileOf } from "./assembly/start-broker.ts";
export type { RunningBroker } from "./assembly/running-broker.ts";
export type { BrokerEvent, BrokerEventListener } from "./assembly/broker-events.ts";
export { loadSettings, type LoadedSettings, type SettingsSources } from "./config/load-settings.ts";
export {
  defaultOf,
  flagOf,
  settingNames,
  shownSettings,
  variableOf,
  type SettingName,
  type Settings,
} from "./config/settings.ts";
export { shownAddress, type ListenAddress } from "./config/values.ts";
export { hashPassword } from "./users/password-hash.ts";
export { changeUsers, readStoredUsers } from "./users/users-file.ts";
export type { StoredPermissions, StoredUsers } from "./users/users-schema.ts";
export { permissionPattern } from "./users/permission-pattern.ts";
export type { Access, Authenticator, Peer, Permission } from "./users/access.ts";
