/** Text from a registry, an image or a config may try to drive the terminal that shows it. */

// C0, DEL and C1; line and paragraph separators; marks that reorder, hide or join text (Unicode UAX #9 and "Trojan
// Source"), the byte order mark, interlinear and tag characters; and halves of surrogate pairs.
const unsafe =
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb\ud800-\udfff\u{e0000}-\u{e007f}]/gu;

/**
 * One line of text that is safe to show: what could control a terminal or reorder the line becomes a visible escape
 * (`\x1b`, `\u202e`).
 *
 * @param maxLength - in UTF-16 units; what is longer ends in `…`.
 */
export function printable(text: string, maxLength = 1000): string {
  // Cutting before escaping keeps the work bounded for input of any size.
  const escaped = text.slice(0, maxLength + 1).replace(unsafe, escapeCharacter);
  if (escaped.length <= maxLength && text.length <= maxLength) return escaped;
  const cut = escaped.slice(0, Math.max(0, maxLength - 1));
  return `${cut.replace(/[\ud800-\udbff]$/, '')}…`;
}

function escapeCharacter(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  if (code > 0xffff) return `\\u{${code.toString(16)}}`;
  return code <= 0xff ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`;
}
