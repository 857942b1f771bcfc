/** json.Indent with four blanks, as Docker's inspect prints: text inside is kept byte for byte. */

const step = '    ';

/** @param json - compact JSON */
export function indentJson(json: string): string {
  const parts: string[] = [];
  let depth = 0;
  const newline = () => parts.push(`\n${step.repeat(depth)}`);
  for (const [token] of json.matchAll(/"(?:[^"\\]|\\.)*"|\[\]|\{\}|[[\]{},:]|[^"[\]{},:]+/g)) {
    if (token === '{' || token === '[') {
      parts.push(token);
      depth++;
      newline();
    } else if (token === '}' || token === ']') {
      depth--;
      newline();
      parts.push(token);
    } else if (token === ',') {
      parts.push(token);
      newline();
    } else parts.push(token === ':' ? ': ' : token);
  }
  return parts.join('');
}
