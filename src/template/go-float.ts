/** Floating point numbers as Go writes them. */

/** `%v`: the shortest text that reads back, with an exponent below 1e-4 and from 1e6. */
export function formatShortest(value: number): string {
  if (!Number.isFinite(value)) return special(value);
  const exponent = Number(value.toExponential().split('e')[1] ?? 0);
  if (value !== 0 && (exponent < -4 || exponent >= 6)) return twoDigits(value.toExponential());
  return negativeZero(value) + String(value);
}

function negativeZero(value: number): string {
  return Object.is(value, -0) ? '-' : '';
}

function special(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  return value > 0 ? '+Inf' : '-Inf';
}

function twoDigits(text: string): string {
  return text.replace(/e([+-])(\d)$/, 'e$10$2');
}

/** `%e %f %g` and their capitals; `precision` undefined means the verb's default. */
export function formatFloat(value: number, verb: string, precision: number | undefined): string {
  if (!Number.isFinite(value)) return special(value);
  const digits = Math.min(precision ?? 6, 100);
  switch (verb) {
    case 'e':
      return twoDigits(value.toExponential(digits));
    case 'E':
      return twoDigits(value.toExponential(digits)).toUpperCase();
    case 'f':
    case 'F':
      return negativeZero(value) + value.toFixed(digits);
    default: {
      const text = precision === undefined ? formatShortest(value) : general(value, Math.max(1, digits));
      return verb === 'G' ? text.toUpperCase() : text;
    }
  }
}

/** `%.<n>g`: n significant digits, zeros at the end cut, an exponent where the number does not fit. */
export function general(value: number, digits: number): string {
  const [mantissa = '', power = '0'] = value.toExponential(digits - 1).split('e');
  const exponent = Number(power);
  if (value !== 0 && (exponent < -4 || exponent >= digits))
    return twoDigits(`${trimZeros(mantissa)}e${exponent < 0 ? '-' : '+'}${Math.abs(exponent)}`);
  return trimZeros(value.toFixed(Math.min(100, Math.max(0, digits - 1 - exponent))));
}

function trimZeros(text: string): string {
  return text.includes('.') ? text.replace(/\.?0+$/, '') : text;
}
