/** The WWW-Authenticate header (RFC 9110 section 11.6.1). */

export interface Challenge {
  /** In lower case: `bearer`, `basic`. */
  readonly scheme: string;
  /** Names in lower case; of a name that comes twice the first value. */
  readonly parameters: ReadonlyMap<string, string>;
}

const separators = /[\s,]*/y;
const word = /[!#$%&'*+.^_`|~0-9A-Za-z-]+/y;
const equals = /[ \t]*=[ \t]*/y;
const quoted = /"((?:[^"\\]|\\[\s\S])*)"/y;
const token68 = /[A-Za-z0-9._~+/-]+=*(?=[ \t]*(?:,|$))/y;

/** The challenges in order. What does not follow the grammar ends the list; what came before it counts. */
export function parseChallenges(header: string): Challenge[] {
  const challenges: { scheme: string; parameters: Map<string, string> }[] = [];
  let position = 0;
  const take = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = position;
    const found = pattern.exec(header);
    if (found === null) return undefined;
    position = pattern.lastIndex;
    return found[1] ?? found[0];
  };
  for (;;) {
    take(separators);
    const name = take(word);
    if (name === undefined) return challenges;
    const current = challenges.at(-1);
    const isParameter = current !== undefined && take(equals) !== undefined;
    if (!isParameter) {
      challenges.push({ scheme: name.toLowerCase(), parameters: new Map() });
      skipToken68(header, take, () => position);
      continue;
    }
    const value = header[position] === '"' ? take(quoted)?.replace(/\\([\s\S])/g, '$1') : take(word);
    if (value === undefined) return challenges;
    const key = name.toLowerCase();
    if (!current.parameters.has(key)) current.parameters.set(key, value);
  }
}

/** `Negotiate YII…=`: one opaque word instead of parameters, which must not be read as the next scheme. */
function skipToken68(header: string, take: (pattern: RegExp) => string | undefined, position: () => number): void {
  if (header[position()] !== ' ') return;
  take(/ +/y);
  take(token68);
}
