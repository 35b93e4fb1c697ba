// Preloaded into a process whose machine's clock is wrong: everything that asks Date for the time gets it shifted by
// CLOCK_SHIFT_MS. Timers and the monotonic clock go on as they do on such a machine.
const shiftMs = Number(process.env["CLOCK_SHIFT_MS"] ?? 0);

globalThis.Date = new Proxy(Date, {
  construct: (real, args: unknown[]) =>
    Reflect.construct(real, args.length === 0 ? [real.now() + shiftMs] : args) as object,
  get: (real, name) => {
    if (name === "now") return () => real.now() + shiftMs;
    return Reflect.get(real, name) as unknown;
  },
});
