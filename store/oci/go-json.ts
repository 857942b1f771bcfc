/** JSON text exactly as Go's encoding/json writes it, for files and output that must equal Docker's byte for byte. */

const escapes: Record<string, string> = {
  '<': '\\u003c',
  '>': '\\u003e',
  '&': '\\u0026',
  '\u2028': '\\u2028',
  '\u2029': '\\u2029',
};

/**
 * A quoted string. Go always escapes the two line separators, and `<`, `>`, `&` unless told otherwise; half a surrogate
 * pair cannot be written in UTF-8 and becomes U+FFFD.
 */
export function goJsonString(text: string, escapeHtml = true): string {
  const special = escapeHtml ? /[<>&\u2028\u2029]/g : /[\u2028\u2029]/g;
  const valid = text.replace(/[\ud800-\udfff]/gu, '\ufffd');
  return JSON.stringify(valid).replace(special, (character) => escapes[character] ?? character);
}

/** Go sorts the keys of maps by their bytes, which differs from JavaScript's order outside the basic plane. */
export function compareBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
