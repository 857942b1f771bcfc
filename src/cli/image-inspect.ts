/** `tsimage inspect` */
import { KnownError } from '../../store/errors.js';
import type { ImageRecord } from '../../store/images/image-db.js';
import { findImage, type ImageIndex } from '../images/find.js';
import { jsonView, templateView } from '../images/inspect.js';
import { indentJson } from '../template/indent-json.js';
import { jsonText } from '../template/json-text.js';
import { parseTemplate, renderTemplate, type Template } from '../template/template.js';
import { fromJson } from '../template/values.js';

export interface InspectResult {
  /** For standard output, also when some names failed. */
  text: string;
  errors: unknown[];
}

/** All names are tried; what was found is shown. */
export function inspectImages(index: ImageIndex, names: readonly string[], format: string | undefined): InspectResult {
  const template = format === undefined || format === '' || format === 'json' ? undefined : parseTemplate(format);
  const shown: string[] = [];
  const errors: unknown[] = [];
  for (const name of names) {
    try {
      shown.push(inspectOne(index, findImage(index, name), template));
    } catch (error) {
      if (!(error instanceof KnownError)) throw error;
      errors.push(error.code === 'E_NO_IMAGE' ? notFound(name, error) : error);
      // A template that does not fit one image fits no other.
      if (error.code === 'E_TEMPLATE') break;
    }
  }
  if (template !== undefined) return { text: shown.length === 0 ? '\n' : shown.join(''), errors };
  const list = `[${shown.join(',')}]`;
  return { text: `${format === 'json' ? list : indentJson(list)}\n`, errors };
}

function inspectOne(index: ImageIndex, image: ImageRecord, template: Template | undefined): string {
  const json = jsonText(jsonView(index, image));
  if (template === undefined) return json;
  return `${renderView(index, image, { template, json })}\n`;
}

/** As Docker does: Go's own types first; where the template does not fit those, the plain JSON. */
function renderView(
  index: ImageIndex,
  image: ImageRecord,
  { template, json }: { template: Template; json: string },
): string {
  try {
    return renderTemplate(template, templateView(index, image));
  } catch (error) {
    if (!(error instanceof KnownError) || error.code !== 'E_TEMPLATE') throw error;
  }
  return renderTemplate(template, fromJson(JSON.parse(json)), { missingKeyIsError: true });
}

function notFound(name: string, cause: KnownError): KnownError {
  const options = cause.hint === undefined ? { cause } : { cause, hint: cause.hint };
  return new KnownError('E_NO_IMAGE', `no such image: ${name}: ${cause.message}`, options);
}
