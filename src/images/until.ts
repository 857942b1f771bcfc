/** The moments that `--filter until=` takes. */
import { KnownError } from '../../store/errors.js';
import { printable } from '../../store/printable.js';
import { parseGoTime, zeroTime } from './go-time.js';

const unitNanoseconds: Record<string, number> = { ns: 1, us: 1e3, µs: 1e3, ms: 1e6, s: 1e9, m: 60e9, h: 3600e9 };

/**
 * A Go duration back from now (`24h`, `1h30m`), an RFC 3339 time, a date with or without a time, or seconds since 1970.
 *
 * @param now - milliseconds since 1970
 * @returns nanoseconds since 1970
 */
export function parseUntil(text: string, now: number): bigint {
  const duration = parseDuration(text);
  if (duration !== undefined) return BigInt(now) * 1_000_000n - duration;
  if (/^\d{1,12}(\.\d{1,9})?$/.test(text)) {
    const [seconds = '0', fraction = ''] = text.split('.');
    return BigInt(seconds) * 1_000_000_000n + BigInt(fraction.padEnd(9, '0'));
  }
  const time = parseGoTime(text);
  if (time !== zeroTime) return time.nanoseconds;
  // Without an offset the time is local, which is how Date reads a date with a clock.
  const local = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d)?)?$/.test(text)
    ? Date.parse(text.includes('T') ? text : `${text}T00:00:00`)
    : Number.NaN;
  if (!Number.isNaN(local)) return BigInt(local) * 1_000_000n;
  throw new KnownError('E_USAGE', `invalid filter 'until=[${printable(text, 100)}]'`);
}

function parseDuration(text: string): bigint | undefined {
  if (!/^(?:\d+(?:\.\d+)?(?:ns|us|µs|ms|s|m|h)){1,16}$/.test(text)) return undefined;
  let sum = 0;
  for (const [, amount = '', unit = ''] of text.matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)/g))
    sum += Number(amount) * (unitNanoseconds[unit] ?? 0);
  return Number.isFinite(sum) ? BigInt(Math.round(sum)) : undefined;
}
