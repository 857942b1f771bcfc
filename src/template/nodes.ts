/** The parsed form of a template, and how Go prints its parts in error messages. */
import { quote } from './go-quote.js';

export type Operand =
  | { kind: 'dot' | 'nil'; position: number }
  | { kind: 'bool'; value: boolean; position: number }
  | { kind: 'number'; value: bigint | number; text: string; position: number }
  | { kind: 'string'; value: string; text: string; position: number }
  /** `.A.B` */
  | { kind: 'field'; names: string[]; position: number }
  /** `$x.A.B`; `$` alone is the data that the template started with. */
  | { kind: 'variable'; variable: string; names: string[]; position: number }
  | { kind: 'function'; name: string; position: number }
  /** `(…).A.B` */
  | { kind: 'chain'; inner: Operand; names: string[]; position: number }
  | { kind: 'pipeline'; pipeline: Pipeline; position: number };

export interface Command {
  args: Operand[];
  position: number;
}

export interface Pipeline {
  commands: Command[];
  /** Variables that are declared (`:=`) or assigned (`=`). */
  variables: string[];
  assigns: boolean;
  position: number;
}

export type Statement =
  | { kind: 'text'; text: string }
  | { kind: 'action'; pipeline: Pipeline }
  | { kind: 'if' | 'with' | 'range'; pipeline: Pipeline; body: Statement[]; otherwise: Statement[] }
  | { kind: 'break' | 'continue' };

const dotted = (names: readonly string[]): string => names.map((name) => `.${name}`).join('');

export function operandText(node: Operand): string {
  switch (node.kind) {
    case 'dot':
      return '.';
    case 'nil':
      return 'nil';
    case 'bool':
      return String(node.value);
    case 'number':
    case 'string':
      return node.text;
    case 'field':
      return dotted(node.names);
    case 'variable':
      return node.variable + dotted(node.names);
    case 'function':
      return node.name;
    case 'chain':
      return chainText(node.inner) + dotted(node.names);
    case 'pipeline':
      return pipelineText(node.pipeline);
  }
}

function chainText(inner: Operand): string {
  return inner.kind === 'pipeline' ? `(${operandText(inner)})` : operandText(inner);
}

export function commandText(command: Command): string {
  return command.args.map(chainText).join(' ');
}

export function pipelineText(pipeline: Pipeline): string {
  const { variables, assigns, commands } = pipeline;
  const head = variables.length === 0 ? '' : `${variables.join(', ')} ${assigns ? '=' : ':='} `;
  return head + commands.map(commandText).join(' | ');
}

/** How a token looks in "unexpected …". */
export function tokenText(kind: string, text: string): string {
  if (kind === 'end of text') return 'EOF';
  if (kind === 'keyword' || kind === 'dot' || kind === 'nil') return `<${text}>`;
  return text.length > 10 ? `${quote(text.slice(0, 10))}...` : quote(text);
}
