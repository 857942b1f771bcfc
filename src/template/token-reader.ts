import type { Token } from './lexer.js';
import { tokenText } from './nodes.js';
import { TemplateSyntaxError } from './template-error.js';

/** A position in the tokens, with the variables that are declared there. */
export class TokenReader {
  readonly source: string;
  readonly functions: ReadonlySet<string>;
  /** Names in scope; `$` is always there. */
  readonly variables: string[] = ['$'];
  readonly #tokens: readonly Token[];
  #index = 0;

  constructor(source: string, tokens: readonly Token[], functions: ReadonlySet<string>) {
    this.source = source;
    this.functions = functions;
    this.#tokens = tokens;
  }

  peek(): Token {
    const token = this.#tokens[this.#index];
    if (token === undefined) throw new Error('read past the end of a template');
    return token;
  }

  next(): Token {
    const token = this.peek();
    if (token.kind !== 'end of text') this.#index++;
    return token;
  }

  nextNonSpace(): Token {
    this.peekNonSpace();
    return this.next();
  }

  peekNonSpace(): Token {
    while (this.peek().kind === 'space') this.next();
    return this.peek();
  }

  /** Where to come back to with {@link TokenReader.rewind}. */
  mark(): number {
    return this.#index;
  }

  rewind(mark: number): void {
    this.#index = mark;
  }

  error(reason: string): TemplateSyntaxError {
    return new TemplateSyntaxError(this.source, this.peek().position, reason);
  }

  unexpected(token: Token, context: string): TemplateSyntaxError {
    const reason = `unexpected ${tokenText(token.kind, token.text)} in ${context}`;
    return new TemplateSyntaxError(this.source, token.position, reason);
  }
}
