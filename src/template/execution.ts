import type { Functions } from './functions.js';
import { TemplateExecError } from './template-error.js';
import type { GoValue } from './values.js';

export interface ExecutionOptions {
  functions: Functions;
  /** Fails on a key that a map does not have; otherwise such a key is nil. */
  missingKeyIsError?: boolean;
}

/** A template cannot loop for ever, but nested ranges multiply: both the work and the output have an end. */
const maxSteps = 5_000_000;
const maxOutput = 256 << 20;

/** The state of one run: variables, output, and the node that an error would name. */
export class Execution {
  readonly options: ExecutionOptions;
  readonly #source: string;
  readonly #variables: { name: string; value: GoValue }[];
  readonly #output: string[] = [];
  #size = 0;
  #steps = 0;
  #position = 0;
  #nodeText: () => string = () => '';

  constructor(source: string, data: GoValue, options: ExecutionOptions) {
    this.#source = source;
    this.options = options;
    this.#variables = [{ name: '$', value: data }];
  }

  /** Errors from here on name this node. */
  at(position: number, nodeText: () => string): void {
    this.#position = position;
    this.#nodeText = nodeText;
  }

  error(reason: string): TemplateExecError {
    return new TemplateExecError(this.#source, this.#position, this.#nodeText(), reason);
  }

  step(): void {
    if (++this.#steps > maxSteps) throw this.error('the template does too much');
  }

  write(text: string): void {
    this.#size += text.length;
    if (this.#size > maxOutput) throw this.error('the output is too long');
    this.#output.push(text);
  }

  output(): string {
    return this.#output.join('');
  }

  /** For {@link Execution.leave}: variables declared since then end. */
  enter(): number {
    return this.#variables.length;
  }

  leave(mark: number): void {
    this.#variables.length = mark;
  }

  declare(name: string, value: GoValue): void {
    this.#variables.push({ name, value });
  }

  assign(name: string, value: GoValue): void {
    const variable = this.#find(name);
    if (variable === undefined) throw this.error(`undefined variable: ${name}`);
    variable.value = value;
  }

  variable(name: string): GoValue {
    const variable = this.#find(name);
    if (variable === undefined) throw this.error(`undefined variable: ${name}`);
    return variable.value;
  }

  #find(name: string): { name: string; value: GoValue } | undefined {
    return this.#variables.findLast((variable) => variable.name === name);
  }
}
