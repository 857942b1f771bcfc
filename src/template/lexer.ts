/** Splits a template into tokens, as Go's text/template/parse does. */
import { quote } from './go-quote.js';
import { TemplateSyntaxError } from './template-error.js';

export type TokenKind =
  | 'text'
  | 'open'
  | 'close'
  | 'space'
  | 'field'
  | 'variable'
  | 'identifier'
  | 'keyword'
  | 'bool'
  | 'nil'
  | 'dot'
  | 'number'
  | 'character'
  | 'string'
  | 'raw'
  | 'pipe'
  | 'comma'
  | 'declare'
  | 'assign'
  | '('
  | ')'
  | 'other'
  | 'end of text';

export interface Token {
  kind: TokenKind;
  text: string;
  position: number;
}

const keywords = new Set(['block', 'break', 'continue', 'define', 'else', 'end', 'if', 'range', 'template', 'with']);

const leftTrim = /^-[ \t\r\n]/;
const rightTrim = /^[ \t\r\n]-\}\}/;

/** What may follow a word or a field; anything else is a bad character. */
const terminator = /^(?:[ \t\r\n.,|:)(]|\}\}|$)/;
const rules: [kind: TokenKind, pattern: RegExp][] = [
  ['space', /^[ \t\r\n]+/],
  ['declare', /^:=/],
  ['assign', /^=/],
  ['pipe', /^\|/],
  ['comma', /^,/],
  ['(', /^\(/],
  [')', /^\)/],
  ['string', /^"(?:\\[^\n]|[^"\\\n])*"/],
  ['raw', /^`[^`]*`/],
  ['character', /^'(?:\\[^\n]|[^'\\\n])*'/],
  ['variable', /^\$[\p{L}\p{Nd}_]*/u],
  ['field', /^\.[\p{L}_][\p{L}\p{Nd}_]*/u],
  ['number', /^[+-]?(?:\.?[0-9])(?:[eEpP][+-]|[\p{L}\p{Nd}_.])*/u],
  ['dot', /^\./],
  ['identifier', /^[\p{L}_][\p{L}\p{Nd}_]*/u],
];

const numberPattern =
  /^[+-]?(?:0[xX][0-9a-fA-F_]+|0[oO][0-7_]+|0[bB][01_]+|(?:[0-9][0-9_]*(?:\.[0-9_]*)?|\.[0-9_]+)(?:[eE][+-]?[0-9_]+)?)/;

export function lex(source: string): Token[] {
  const tokens: Token[] = [];
  let position = 0;
  let trimNext = false;
  while (position < source.length) {
    const open = source.indexOf('{{', position);
    const end = open === -1 ? source.length : open;
    const trimsLeft = open !== -1 && leftTrim.test(source.slice(open + 2, open + 4));
    addText(tokens, source.slice(position, end), position, trimNext, trimsLeft);
    if (open === -1) break;
    const inner = open + (trimsLeft ? 4 : 2);
    const action = source.startsWith('/*', inner) ? lexComment(source, inner) : lexAction(source, open, inner, tokens);
    ({ position, trimNext } = action);
  }
  tokens.push({ kind: 'end of text', text: 'EOF', position: source.length });
  return tokens;
}

function addText(tokens: Token[], raw: string, position: number, trimStart: boolean, trimEnd: boolean): void {
  let text = trimStart ? raw.replace(/^[ \t\r\n]+/, '') : raw;
  if (trimEnd) text = text.replace(/[ \t\r\n]+$/, '');
  if (text !== '') tokens.push({ kind: 'text', text, position });
}

interface ActionEnd {
  position: number;
  trimNext: boolean;
}

function lexComment(source: string, start: number): ActionEnd {
  const end = source.indexOf('*/', start);
  if (end === -1) throw new TemplateSyntaxError(source, start, 'unclosed comment');
  const close = closeAt(source, end + 2);
  if (close === undefined) throw new TemplateSyntaxError(source, start, 'comment ends before closing delimiter');
  return close;
}

/** The end of an action, if it is here. */
function closeAt(source: string, position: number): ActionEnd | undefined {
  if (rightTrim.test(source.slice(position, position + 4))) return { position: position + 4, trimNext: true };
  if (source.startsWith('}}', position)) return { position: position + 2, trimNext: false };
  return undefined;
}

function lexAction(source: string, open: number, inner: number, tokens: Token[]): ActionEnd {
  tokens.push({ kind: 'open', text: '{{', position: open });
  let depth = 0;
  for (let position = inner; ; ) {
    const close = closeAt(source, position);
    if (close !== undefined) {
      if (depth > 0) throw new TemplateSyntaxError(source, position, 'unclosed left paren');
      tokens.push({ kind: 'close', text: '}}', position });
      return close;
    }
    const token = nextToken(source, position);
    if (token.kind === '(') depth++;
    if (token.kind === ')' && --depth < 0) throw new TemplateSyntaxError(source, position, 'unexpected right paren');
    tokens.push(token);
    position += token.text.length;
  }
}

function nextToken(source: string, position: number): Token {
  const rest = source.slice(position);
  if (rest === '') throw new TemplateSyntaxError(source, position, 'unclosed action');
  for (const [kind, pattern] of rules) {
    const text = pattern.exec(rest)?.[0];
    if (text === undefined) continue;
    if (kind === 'space') return { kind, text: beforeTrimMarker(text, rest.slice(text.length)), position };
    if (kind === 'number') return lexNumber(source, position, text);
    return classify(source, { kind, text, position });
  }
  return refuse(source, position, rest);
}

/** The last blank before `-}}` belongs to the closing delimiter. */
function beforeTrimMarker(blanks: string, after: string): string {
  return blanks.length > 1 && after.startsWith('-}}') ? blanks.slice(0, -1) : blanks;
}

function lexNumber(source: string, position: number, text: string): Token {
  const number = numberPattern.exec(text)?.[0] ?? text;
  // A second point starts a field, which the parser then refuses.
  const rest = text.slice(number.length);
  if (rest !== '' && !rest.startsWith('.'))
    throw new TemplateSyntaxError(source, position, `bad number syntax: ${quote(text)}`);
  return { kind: 'number', text: number, position };
}

function classify(source: string, token: Token): Token {
  const { kind, text, position } = token;
  if (kind !== 'identifier' && kind !== 'field' && kind !== 'variable') return token;
  const after = source.slice(position + text.length);
  if (!terminator.test(after)) throw new TemplateSyntaxError(source, position, `bad character ${codePoint(after)}`);
  if (kind !== 'identifier') return token;
  if (keywords.has(text)) return { ...token, kind: 'keyword' };
  if (text === 'true' || text === 'false') return { ...token, kind: 'bool' };
  return text === 'nil' ? { ...token, kind: 'nil' } : token;
}

function refuse(source: string, position: number, rest: string): Token {
  const unterminated = { '"': 'quoted string', '`': 'raw quoted string', "'": 'character constant' }[rest.charAt(0)];
  if (unterminated !== undefined) throw new TemplateSyntaxError(source, position, `unterminated ${unterminated}`);
  if (rest.startsWith(':')) throw new TemplateSyntaxError(source, position, 'expected :=');
  if (/^[!-~]/.test(rest)) return { kind: 'other', text: rest.charAt(0), position };
  throw new TemplateSyntaxError(source, position, `unrecognized character in action: ${codePoint(rest)}`);
}

/** `U+0023 '#'`, Go's `%#U`. */
function codePoint(text: string): string {
  const code = text.codePointAt(0) ?? 0;
  const hex = code.toString(16).toUpperCase().padStart(4, '0');
  return /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]/u.test(text) ? `U+${hex} '${String.fromCodePoint(code)}'` : `U+${hex}`;
}
