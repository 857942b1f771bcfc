/** fmt.Sprintf for the verbs that templates use. */
import { compareBytes } from '../../store/oci/go-json.js';
import { formatFloat } from './go-float.js';
import { formatValue } from './go-print.js';
import { quote } from './go-quote.js';
import { type GoValue, isKind, typeName } from './values.js';

interface Directive {
  flags: string;
  width: number | undefined;
  precision: number | undefined;
  verb: string;
}

/** Go's own bound of widths and precisions. */
const maxNumber = 1_000_000;
const directive = /%([-+# 0]*)(\*|\d+)?(?:(\.)(\*|\d+)?)?(?:\[(\d{1,6})\])?([\s\S]|$)/gu;

export function sprintf(format: string, args: readonly GoValue[]): string {
  let used = 0;
  let reordered = false;
  const next = (): GoValue | undefined => (args[used] === undefined ? undefined : args[used++]);
  const text = format.replace(directive, (_all, flags: string, width, point, precision, place, verb: string) => {
    if (place !== undefined) {
      used = Number(place) - 1;
      reordered = true;
    }
    const problems: string[] = [];
    const wide = readNumber(width, 'WIDTH', next, problems);
    const spec: Directive = {
      flags: wide !== undefined && wide < 0 ? `-${flags}` : flags,
      width: wide === undefined ? undefined : Math.abs(wide),
      precision: point === undefined ? undefined : (readNumber(precision, 'PREC', next, problems) ?? 0),
      verb,
    };
    return problems.join('') + formatDirective(spec, next);
  });
  const extra = args.slice(used);
  if (extra.length === 0 || reordered) return text;
  const shown = extra.map((value) => (value === null ? '<nil>' : `${typeName(value)}=${formatValue(value)}`));
  return `${text}%!(EXTRA ${shown.join(', ')})`;
}

function readNumber(
  text: string | undefined,
  what: string,
  next: () => GoValue | undefined,
  problems: string[],
): number | undefined {
  if (text === undefined) return undefined;
  const value = text === '*' ? next() : BigInt(text);
  if (typeof value === 'bigint' && Math.abs(Number(value)) <= maxNumber) return Number(value);
  problems.push(`%!(BAD${what})`);
  return undefined;
}

function formatDirective(spec: Directive, next: () => GoValue | undefined): string {
  if (spec.verb === '%') return '%';
  if (spec.verb === '') return '%!(NOVERB)';
  const value = next();
  if (value === undefined) return `%!${spec.verb}(MISSING)`;
  return formatOne(value, spec);
}

function formatOne(value: GoValue, spec: Directive): string {
  const { verb, flags } = spec;
  if (verb === 'T') return pad(typeName(value), spec);
  if (verb === 'v') return formatV(value, spec);
  if (value === null) return `%!${verb}(<nil>)`;
  if (isKind(value, 'slice')) return `[${(value.items ?? []).map((item) => formatOne(item, spec)).join(' ')}]`;
  if (isKind(value, 'map')) {
    const entries = [...(value.entries ?? [])].sort(([a], [b]) => compareBytes(a, b));
    return `map[${entries.map(([key, item]) => `${formatOne(key, spec)}:${formatOne(item, spec)}`).join(' ')}]`;
  }
  if (isKind(value, 'struct')) return `{${value.fields.map((field) => formatOne(field.value, spec)).join(' ')}}`;
  const plain = isKind(value, 'typed') ? typedOperand(value.text, value.underlying, verb) : value;
  const text = formatScalar(plain, spec);
  if (text === undefined) return `%!${verb}(${typeName(value)}=${formatValue(value)})`;
  return pad(text, spec, typeof plain !== 'string' && flags.includes('0') && !flags.includes('-'));
}

/** A typed value prints its own text for %s and %q; for other verbs it is what lies beneath. */
function typedOperand(text: string, underlying: string | bigint | null, verb: string): string | bigint {
  if (underlying === null) return text;
  const isPlainNumber = typeof underlying === 'bigint' && text === String(underlying);
  return (verb === 's' || verb === 'q') && !isPlainNumber ? text : underlying;
}

/** Numbers are padded one by one, also inside what contains them. */
function formatV(value: GoValue, spec: Directive): string {
  if (typeof value === 'string') return pad(truncate(value, spec.precision), spec);
  if (typeof value === 'number') return formatOne(value, { ...withoutPlus(spec), verb: 'g' });
  if (typeof value === 'bigint') return formatOne(value, { ...withoutPlus(spec), verb: 'd' });
  if (isKind(value, 'slice')) return `[${(value.items ?? []).map((item) => formatV(item, spec)).join(' ')}]`;
  return pad(formatValue(value, spec.flags.includes('+')), spec);
}

/** `%+v` asks for names of fields, not for signs. */
function withoutPlus(spec: Directive): Directive {
  return { ...spec, flags: spec.flags.replaceAll('+', '') };
}

/** Undefined where the verb does not fit the type. */
function formatScalar(value: string | boolean | bigint | number, spec: Directive): string | undefined {
  if (typeof value === 'string') return formatString(value, spec);
  if (typeof value === 'boolean') return spec.verb === 't' ? String(value) : undefined;
  if (typeof value === 'bigint') return formatInteger(value, spec);
  if (!/^[eEfFgG]$/.test(spec.verb)) return undefined;
  return signed(formatFloat(value, spec.verb, spec.precision), spec.flags);
}

function formatString(value: string, { verb, flags, precision }: Directive): string | undefined {
  const text = truncate(value, precision);
  const digits = () => Buffer.from(text).toString('hex');
  switch (verb) {
    case 's':
      return text;
    case 'q':
      return flags.includes('#') && !/[`\u0000-\u0008\u000a-\u001f\u007f]/.test(text) ? `\`${text}\`` : quote(text);
    case 'x':
      return (flags.includes('#') ? '0x' : '') + digits();
    case 'X':
      return (flags.includes('#') ? '0X' : '') + digits().toUpperCase();
    default:
      return undefined;
  }
}

const radixes: Record<string, [radix: number, prefix: string]> = {
  d: [10, ''],
  b: [2, '0b'],
  o: [8, '0'],
  O: [8, '0o'],
  x: [16, '0x'],
  X: [16, '0X'],
};

function formatInteger(value: bigint, { verb, flags, precision }: Directive): string | undefined {
  const known = radixes[verb];
  if (known !== undefined) {
    const [radix, prefix] = known;
    const magnitude = (value < 0n ? -value : value).toString(radix).padStart(precision ?? 0, '0');
    const digits = verb === 'X' ? magnitude.toUpperCase() : magnitude;
    const shown = (verb === 'O' || flags.includes('#') ? prefix : '') + digits;
    return signed(value < 0n ? `-${shown}` : shown, flags);
  }
  const valid = value >= 0n && value <= 0x10ffffn;
  const character = String.fromCodePoint(valid ? Number(value) : 0xfffd);
  if (verb === 'c') return character;
  if (verb === 'q') return quote(character, "'");
  if (verb === 'U') return `U+${value.toString(16).toUpperCase().padStart(4, '0')}`;
  return undefined;
}

function signed(text: string, flags: string): string {
  if (/^[+-]/.test(text)) return text;
  if (flags.includes('+')) return `+${text}`;
  return flags.includes(' ') ? ` ${text}` : text;
}

/** Precision counts characters. */
function truncate(text: string, precision: number | undefined): string {
  return precision === undefined ? text : Array.from(text).slice(0, precision).join('');
}

function pad(text: string, { flags, width }: Directive, zeros = false): string {
  const missing = (width ?? 0) - Array.from(text).length;
  if (missing <= 0) return text;
  if (flags.includes('-')) return text + ' '.repeat(missing);
  if (!zeros) return ' '.repeat(missing) + text;
  const sign = /^[+-]/.exec(text)?.[0] ?? '';
  return sign + '0'.repeat(missing) + text.slice(sign.length);
}
