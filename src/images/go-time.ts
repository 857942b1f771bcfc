/** Times as image configs carry them: RFC 3339 with up to nine fraction digits and any offset. */

export interface GoTime {
  /** Nanoseconds since 1970. */
  nanoseconds: bigint;
  /** RFC 3339 with the zeros at the end of the fraction cut, offset kept. */
  text: string;
}

/** What Go takes a missing time for. Docker shows no age for it. */
export const zeroTime: GoTime = { nanoseconds: -62_135_596_800_000_000_000n, text: '0001-01-01T00:00:00Z' };

const pattern = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:[.,](\d{1,30}))?(Z|[+-]\d\d:\d\d)$/;

/** {@link zeroTime} for what is absent or malformed. */
export function parseGoTime(value: unknown): GoTime {
  const [, seconds, fraction = '', zone] = pattern.exec(typeof value === 'string' ? value : '') ?? [];
  if (seconds === undefined || zone === undefined) return zeroTime;
  const milliseconds = Date.parse(`${seconds}${zone}`);
  if (Number.isNaN(milliseconds)) return zeroTime;
  const digits = fraction.slice(0, 9).padEnd(9, '0');
  const shown = digits.replace(/0+$/, '');
  const offset = /^[+-]00:00$/.test(zone) ? 'Z' : zone;
  return {
    nanoseconds: BigInt(milliseconds) * 1_000_000n + BigInt(digits),
    text: `${seconds}${shown === '' ? '' : `.${shown}`}${offset}`,
  };
}

/** Whole seconds since 1970, which is what Docker's API gives for an image. */
export function unixSeconds(time: GoTime): number {
  const billion = 1_000_000_000n;
  const seconds = time.nanoseconds / billion;
  return Number(time.nanoseconds % billion < 0n ? seconds - 1n : seconds);
}

/** `2006-01-02 15:04:05.999999999 +0000 UTC`, how Go prints a time that was read with an offset. */
export function printGoTime(time: GoTime): string {
  const [, date = '', clock = '', zone = 'Z'] = /^([^T]*)T(.*?)(Z|[+-]\d\d:\d\d)$/.exec(time.text) ?? [];
  const offset = zone.replace(':', '');
  return zone === 'Z' ? `${date} ${clock} +0000 UTC` : `${date} ${clock} ${offset} ${offset}`;
}

/** The same form for a moment in the local time zone, without a fraction. */
export function printLocalTime(seconds: number): string {
  const date = new Date(seconds * 1000);
  if (Number.isNaN(date.getTime())) return '';
  const minutes = -date.getTimezoneOffset();
  const two = (value: number) => String(Math.trunc(value)).padStart(2, '0');
  const offset = `${minutes < 0 ? '-' : '+'}${two(Math.abs(minutes) / 60)}${two(Math.abs(minutes) % 60)}`;
  const local = new Date(date.getTime() + minutes * 60_000).toISOString();
  return `${local.slice(0, 10)} ${local.slice(11, 19)} ${offset} ${zoneName(date, offset)}`;
}

function zoneName(date: Date, offset: string): string {
  const parts = new Intl.DateTimeFormat('en-US', { timeZoneName: 'short' }).formatToParts(date);
  const name = parts.find(({ type }) => type === 'timeZoneName')?.value ?? '';
  // Where English has no abbreviation, Intl says GMT+1; Go prints the offset for zones without a name.
  return /^[A-Z]{2,5}$/.test(name) ? name : offset;
}
