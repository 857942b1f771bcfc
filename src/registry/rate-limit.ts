/** One limit on the bytes a second of all connections, those of other threads included. Plain data: it travels to them. */
export interface RateLimit {
  readonly bytesPerSecond: number;
  /** When the bytes that were taken so far are due: nanoseconds of the monotonic clock, which all threads share. */
  readonly clock: SharedArrayBuffer;
}

export function createRateLimit(bytesPerSecond: number): RateLimit {
  return { bytesPerSecond, clock: new SharedArrayBuffer(8) };
}

/** So much lost time may be caught up with: timers are late, and threads are busy. */
const CREDIT_NS = 400_000_000n;

/** Says that bytes have come. @returns milliseconds until the next ones should */
export function takeBytes({ bytesPerSecond, clock }: RateLimit, bytes: number): number {
  const due = new BigInt64Array(clock);
  const cost = BigInt(Math.round((bytes / bytesPerSecond) * 1e9));
  for (;;) {
    const now = process.hrtime.bigint();
    const before = Atomics.load(due, 0);
    const earliest = before === 0n ? now : now - CREDIT_NS;
    const after = (before > earliest ? before : earliest) + cost;
    if (Atomics.compareExchange(due, 0, before, after) === before) return Math.max(0, Number(after - now) / 1e6);
  }
}
