export const serviceNames = ["postgres", "rabbitmq", "kafka"] as const;
export type ServiceName = (typeof serviceNames)[number];

/** The variable that says where a service is, for Waybill's tests and for whoever develops with it. */
export const variableOf = {
  postgres: "DATABASE_URL",
  rabbitmq: "RABBITMQ_URL",
  kafka: "KAFKA_BROKERS",
} as const satisfies Record<ServiceName, string>;

/** One node, or what it consists of, as `status` shows it. */
export interface PartStatus {
  readonly part: string;
  readonly isUp: boolean;
  /** Where it is. */
  readonly place: string;
}

/** One of the services, however it is run. */
export interface Service {
  readonly name: ServiceName;
  /** How it is run, completing "postgres: …". */
  readonly how: string;
  /** Variables for whoever uses it. */
  readonly env: Readonly<Record<string, string>>;
  /** Starts what is down and waits until all of it serves. */
  up(): Promise<void>;
  /** Leaves none of its processes. Its data stays. */
  down(): Promise<void>;
  status(): Promise<readonly PartStatus[]>;
}
