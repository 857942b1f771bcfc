/** Go's path.Match: `*` and `?` stop at slashes, `[a-z]` and `[^…]` are classes, `\` takes the next character as it is. */
import { KnownError } from '../../store/errors.js';

type Element = { kind: 'star' } | { kind: 'one'; accepts(character: string): boolean };

/** @throws KnownError `E_USAGE` "syntax error in pattern" */
export function compilePattern(pattern: string): (name: string) => boolean {
  const elements = parsePattern(Array.from(pattern));
  return (name) => matches(elements, Array.from(name));
}

/** Keeps the set of positions in the pattern that are possible, so that no pattern is slow. */
function matches(elements: readonly Element[], name: readonly string[]): boolean {
  let states = withStars(elements, new Set([0]));
  for (const character of name) {
    const next = new Set<number>();
    for (const state of states) {
      const element = elements[state];
      if (element?.kind === 'star' && character !== '/') next.add(state);
      if (element?.kind === 'one' && element.accepts(character)) next.add(state + 1);
    }
    states = withStars(elements, next);
  }
  return states.has(elements.length);
}

/** A star may also stand for nothing. */
function withStars(elements: readonly Element[], states: Set<number>): Set<number> {
  for (const state of states) if (elements[state]?.kind === 'star') states.add(state + 1);
  return states;
}

function parsePattern(pattern: readonly string[]): Element[] {
  const elements: Element[] = [];
  for (let index = 0; index < pattern.length; index++) {
    const character = pattern[index];
    if (character === '*') elements.push({ kind: 'star' });
    else if (character === '?') elements.push({ kind: 'one', accepts: (other) => other !== '/' });
    else if (character === '[') {
      const { end, accepts } = parseClass(pattern, index + 1);
      elements.push({ kind: 'one', accepts });
      index = end;
    } else {
      const literal = character === '\\' ? pattern[++index] : character;
      if (literal === undefined) throw badPattern();
      elements.push({ kind: 'one', accepts: (other) => other === literal });
    }
  }
  return elements;
}

function parseClass(pattern: readonly string[], start: number): { end: number; accepts(character: string): boolean } {
  const negated = pattern[start] === '^';
  const ranges: [low: string, high: string][] = [];
  let index = negated ? start + 1 : start;
  const bound = (): string => {
    const first = pattern[index++];
    if (first === undefined || first === '-' || first === ']') throw badPattern();
    const character = first === '\\' ? pattern[index++] : first;
    if (character === undefined) throw badPattern();
    return character;
  };
  while (pattern[index] !== ']' || ranges.length === 0) {
    const low = bound();
    const isRange = pattern[index] === '-';
    if (isRange) index++;
    ranges.push([low, isRange ? bound() : low]);
  }
  const order = (character: string) => character.codePointAt(0) ?? 0;
  const inside = (character: string) =>
    ranges.some(([low, high]) => order(low) <= order(character) && order(character) <= order(high));
  return { end: index, accepts: (character) => inside(character) !== negated };
}

function badPattern(): KnownError {
  return new KnownError('E_USAGE', 'syntax error in pattern');
}
