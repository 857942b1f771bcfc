/** Go's quoting of text (strconv.Quote and Unquote). */

const short: Record<string, string> = {
  '\u0007': '\\a',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
  '\\': '\\\\',
};
const graphic = /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]$/u;

export function quote(text: string, delimiter = '"'): string {
  return `${delimiter}${Array.from(text, (character) => quoteCharacter(character, delimiter)).join('')}${delimiter}`;
}

function quoteCharacter(character: string, delimiter: string): string {
  if (character === delimiter) return `\\${character}`;
  const known = short[character];
  if (known !== undefined) return known;
  if (graphic.test(character)) return character;
  const code = character.codePointAt(0) ?? 0;
  if (code < 0x80) return `\\x${code.toString(16).padStart(2, '0')}`;
  // Half a surrogate pair has no UTF-8; Go would have read U+FFFD.
  if (code >= 0xd800 && code <= 0xdfff) return '\ufffd';
  return code > 0xffff ? `\\U${code.toString(16).padStart(8, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`;
}

const simple: Record<string, string> = { a: '\u0007', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' };
const escapeSequence =
  /\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3})|([abfnrtv])|(["'\\])|([\s\S]))/g;

/** The text of a literal with its quotes; undefined when an escape is wrong. */
export function unquote(literal: string): string | undefined {
  const delimiter = literal.charAt(0);
  const inner = literal.slice(1, -1);
  if (delimiter === '`') return inner.replaceAll('\r', '');
  let valid = !inner.includes('\n');
  const text = inner.replace(escapeSequence, (_all, x, u, U, octal, letter, self) => {
    const code = Number.parseInt(x ?? u ?? U ?? '', 16);
    if (!Number.isNaN(code)) {
      valid &&= code <= 0x10ffff && !(code >= 0xd800 && code <= 0xdfff);
      return valid ? String.fromCodePoint(code) : '';
    }
    if (octal !== undefined) return String.fromCharCode(Number.parseInt(octal, 8));
    if (letter !== undefined) return simple[letter] ?? '';
    valid &&= self === '\\' || self === delimiter;
    return self ?? '';
  });
  return valid ? text : undefined;
}
