/** Pipelines: `$x := .A | printf "%s" (index .B 0).C`. */
import { quote, unquote } from './go-quote.js';
import type { Token } from './lexer.js';
import { type Command, type Operand, operandText, type Pipeline } from './nodes.js';
import { parseCharacter, parseNumber } from './parse-number.js';
import type { TokenReader } from './token-reader.js';

/** Nested parentheses; Go has a bound of its own. */
const maxDepth = 200;

const constants = new Set<Operand['kind']>(['bool', 'dot', 'nil', 'number', 'string']);

/**
 * Reads up to the closing delimiter or parenthesis, which is consumed.
 *
 * @param context - what the pipeline is for, as error messages call it
 */
export function parsePipeline(reader: TokenReader, context: string, end: 'close' | ')', depth = 0): Pipeline {
  if (depth > maxDepth) throw reader.error('too deeply nested');
  const { position } = reader.peekNonSpace();
  const { variables, assigns } = parseDeclarations(reader, context);
  const commands: Command[] = [];
  for (;;) {
    const token = reader.peekNonSpace();
    if (token.kind === end) break;
    if (!startsOperand(token)) throw reader.unexpected(reader.nextNonSpace(), context);
    commands.push(parseCommand(reader, depth));
  }
  reader.next();
  if (commands.length === 0) throw reader.error(`missing value for ${context}`);
  const stage = commands.findIndex(({ args }, index) => index > 0 && args[0] && constants.has(args[0].kind));
  if (stage !== -1) throw reader.error(`non executable command in pipeline stage ${stage + 1}`);
  return { commands, variables, assigns, position };
}

function parseDeclarations(reader: TokenReader, context: string): { variables: string[]; assigns: boolean } {
  const variables: string[] = [];
  for (;;) {
    const start = reader.mark();
    const variable = reader.peekNonSpace();
    if (variable.kind !== 'variable') return { variables, assigns: false };
    reader.next();
    const next = reader.peekNonSpace();
    if (next.kind !== 'declare' && next.kind !== 'assign' && next.kind !== 'comma') {
      reader.rewind(start);
      return { variables, assigns: false };
    }
    reader.next();
    variables.push(variable.text);
    reader.variables.push(variable.text);
    if (next.kind !== 'comma') return { variables, assigns: next.kind === 'assign' };
    if (context !== 'range' || variables.length > 1) throw reader.error(`too many declarations in ${context}`);
    if (!['variable', 'close', ')'].includes(reader.peekNonSpace().kind))
      throw reader.error('range can only initialize variables');
  }
}

const operandKinds = new Set<Token['kind']>(['bool', 'character', 'dot', 'field', 'identifier', 'number', 'nil']);
const moreOperandKinds = new Set<Token['kind']>(['raw', 'string', 'variable', '(']);

function startsOperand({ kind }: Token): boolean {
  return operandKinds.has(kind) || moreOperandKinds.has(kind);
}

/** Operands separated by blanks, up to a pipe, which is consumed, or the end of the pipeline. */
function parseCommand(reader: TokenReader, depth: number): Command {
  const { position } = reader.peekNonSpace();
  const args: Operand[] = [];
  for (;;) {
    reader.peekNonSpace();
    const operand = parseOperand(reader, depth);
    if (operand !== undefined) args.push(operand);
    const token = reader.peek();
    if (token.kind === 'close' || token.kind === ')') break;
    reader.next();
    if (token.kind === 'pipe') break;
    if (token.kind !== 'space') throw reader.unexpected(token, 'operand');
  }
  if (args.length === 0) throw reader.error('empty command');
  return { args, position };
}

/** A term with the fields that follow it directly. */
function parseOperand(reader: TokenReader, depth: number): Operand | undefined {
  const term = parseTerm(reader, depth);
  if (term === undefined || reader.peek().kind !== 'field') return term;
  // Go gives a chain of fields the place of its second one.
  const { position } = reader.peek();
  const names: string[] = [];
  while (reader.peek().kind === 'field') names.push(reader.next().text.slice(1));
  if (term.kind === 'field' || term.kind === 'variable') return { ...term, names: [...term.names, ...names], position };
  if (constants.has(term.kind)) throw reader.error(`unexpected . after term ${quote(operandText(term))}`);
  return { kind: 'chain', inner: term, names, position };
}

function parseTerm(reader: TokenReader, depth: number): Operand | undefined {
  const token = reader.peekNonSpace();
  if (!startsOperand(token)) return undefined;
  reader.next();
  const { text, position } = token;
  switch (token.kind) {
    case 'dot':
    case 'nil':
      return { kind: token.kind, position };
    case 'bool':
      return { kind: 'bool', value: text === 'true', position };
    case 'field':
      return { kind: 'field', names: [text.slice(1)], position };
    case 'variable':
      if (!reader.variables.includes(text)) throw reader.error(`undefined variable ${quote(text)}`);
      return { kind: 'variable', variable: text, names: [], position };
    case 'identifier':
      if (!reader.functions.has(text)) throw reader.error(`function ${quote(text)} not defined`);
      return { kind: 'function', name: text, position };
    case '(':
      return { kind: 'pipeline', pipeline: parsePipeline(reader, 'parenthesized pipeline', ')', depth + 1), position };
    default:
      return parseLiteral(reader, token);
  }
}

function parseLiteral(reader: TokenReader, { kind, text, position }: Token): Operand {
  if (kind === 'number' || kind === 'character') {
    const value = kind === 'number' ? parseNumber(text) : parseCharacter(text);
    if (value === undefined) throw reader.error(`illegal number syntax: ${quote(text)}`);
    return { kind: 'number', value, text, position };
  }
  const value = unquote(text);
  if (value === undefined) throw reader.error('invalid syntax');
  return { kind: 'string', value, text, position };
}
