/** Statements of a template: text, actions and the control structures. */
import { lex } from './lexer.js';
import type { Statement } from './nodes.js';
import { parsePipeline } from './parse-pipeline.js';
import { TokenReader } from './token-reader.js';

/**
 * @param functions - names that may be called
 * @throws TemplateSyntaxError with Go's text
 */
export function parseStatements(source: string, functions: ReadonlySet<string>): Statement[] {
  const reader = new TokenReader(source, lex(source), functions);
  const { statements, ending } = parseList(reader, { depth: 0, loops: 0 });
  if (ending !== 'end of text') throw reader.error(`unexpected {{${ending}}}`);
  return statements;
}

interface Nesting {
  depth: number;
  loops: number;
}

type Ending = 'end' | 'else' | 'end of text';

/** Go accepts any depth; ours is bounded because each level is a few calls deep. */
const maxDepth = 200;

/** Reads up to `{{end}}`, `{{else` (the rest of that action is left to the caller) or the end. */
function parseList(reader: TokenReader, nesting: Nesting): { statements: Statement[]; ending: Ending } {
  if (nesting.depth > maxDepth) throw reader.error('too deeply nested');
  const statements: Statement[] = [];
  for (;;) {
    const token = reader.next();
    if (token.kind === 'end of text') return { statements, ending: 'end of text' };
    if (token.kind === 'text') {
      statements.push({ kind: 'text', text: token.text });
      continue;
    }
    const keyword = reader.peekNonSpace();
    if (keyword.kind !== 'keyword') {
      statements.push({ kind: 'action', pipeline: parsePipeline(reader, 'command', 'close') });
      continue;
    }
    reader.nextNonSpace();
    if (keyword.text === 'else') return { statements, ending: 'else' };
    if (keyword.text === 'end') {
      expectClose(reader, 'end');
      return { statements, ending: 'end' };
    }
    statements.push(parseKeyword(reader, keyword.text, nesting));
  }
}

function parseKeyword(reader: TokenReader, keyword: string, nesting: Nesting): Statement {
  switch (keyword) {
    case 'if':
    case 'with':
    case 'range':
      return parseControl(reader, keyword, nesting);
    case 'break':
    case 'continue':
      if (nesting.loops === 0) throw reader.error(`{{${keyword}}} outside {{range}}`);
      expectClose(reader, `{{${keyword}}}`);
      return { kind: keyword };
    default:
      throw reader.error(`{{${keyword}}} is not supported`);
  }
}

function parseControl(reader: TokenReader, kind: 'if' | 'with' | 'range', nesting: Nesting): Statement {
  const scope = reader.variables.length;
  const pipeline = parsePipeline(reader, kind, 'close');
  const loops = nesting.loops + (kind === 'range' ? 1 : 0);
  const inside = { depth: nesting.depth + 1, loops };
  const body = parseList(reader, inside);
  const otherwise = body.ending === 'else' ? parseElse(reader, kind, { ...nesting, depth: inside.depth }) : [];
  if (body.ending === 'end of text') throw reader.error('unexpected EOF');
  reader.variables.length = scope;
  return { kind, pipeline, body: body.statements, otherwise };
}

/** `{{else if …}}` is an `if` of its own inside the else part that shares the one `{{end}}`. */
function parseElse(reader: TokenReader, kind: 'if' | 'with' | 'range', nesting: Nesting): Statement[] {
  const next = reader.peekNonSpace();
  if (next.kind === 'keyword' && next.text === kind && kind !== 'range') {
    reader.nextNonSpace();
    return [parseControl(reader, kind, nesting)];
  }
  expectClose(reader, 'else');
  const { statements, ending } = parseList(reader, nesting);
  if (ending === 'else') throw reader.error('expected end; found {{else}}');
  if (ending === 'end of text') throw reader.error('unexpected EOF');
  return statements;
}

function expectClose(reader: TokenReader, context: string): void {
  const token = reader.nextNonSpace();
  if (token.kind !== 'close') throw reader.unexpected(token, context);
}
