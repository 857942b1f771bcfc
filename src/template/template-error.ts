import { KnownError } from '../../store/errors.js';

/** Where something stands in a template. */
export interface Place {
  /** Index into the text, in UTF-16 units. */
  position: number;
}

/** The template cannot be parsed; Docker's commands end with status 64 or 1, so the caller may pass its own. */
export class TemplateSyntaxError extends KnownError {
  override readonly name = 'TemplateSyntaxError';

  constructor(text: string, position: number, reason: string) {
    const line = text.slice(0, position).split('\n').length;
    super('E_TEMPLATE', `template parsing error: template: :${line}: ${reason}`, { exitCode: 64 });
  }
}

/** The template failed on the data. */
export class TemplateExecError extends KnownError {
  override readonly name = 'TemplateExecError';

  /** `source` is the failing expression as Go prints it. */
  constructor(text: string, position: number, source: string, reason: string) {
    const before = text.slice(0, position);
    const newline = before.lastIndexOf('\n');
    const line = before.split('\n').length;
    // Go counts bytes: from 0 in the first line, from 1 in the others.
    const column = newline === -1 ? Buffer.byteLength(before) : Buffer.byteLength(before.slice(newline));
    super('E_TEMPLATE', `template parsing error: template: :${line}:${column}: executing "" at <${source}>: ${reason}`);
  }
}
