/**
 * Go's text/template as far as `--format` of Docker's commands uses it. The packages that npm has for this cover a
 * small part of the language or carry a Go runtime of megabytes, and none gives Go's error texts.
 *
 * Left out: `define`, `block` and `template`, which have no use in one line, and calls of methods.
 */
import { executeAll } from './execute.js';
import { Execution } from './execution.js';
import { type Functions, functions as standardFunctions } from './functions.js';
import type { Statement } from './nodes.js';
import { parseStatements } from './parser.js';
import type { GoValue } from './values.js';

export interface Template {
  source: string;
  statements: readonly Statement[];
}

/** @throws KnownError `E_TEMPLATE` (a TemplateSyntaxError) with exit status 64. */
export function parseTemplate(source: string): Template {
  return { source, statements: parseStatements(source, new Set(standardFunctions.keys())) };
}

export interface RenderOptions {
  functions?: Functions;
  missingKeyIsError?: boolean;
}

/** @throws KnownError `E_TEMPLATE` (a TemplateExecError) when the template does not fit the data. */
export function renderTemplate(template: Template, data: GoValue, options: RenderOptions = {}): string {
  const functions = options.functions ?? standardFunctions;
  const run = new Execution(template.source, data, {
    functions,
    missingKeyIsError: options.missingKeyIsError ?? false,
  });
  executeAll(run, data, template.statements);
  return run.output();
}
