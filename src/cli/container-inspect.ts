/** `tscontainer inspect` */
import { KnownError } from '../../store/errors.js';
import { findContainer } from '../containers/list-containers.js';
import { trueRecord } from '../containers/true-state.js';
import { indentJson } from '../template/indent-json.js';
import { jsonText } from '../template/json-text.js';
import { parseTemplate, renderTemplate, type Template } from '../template/template.js';
import { fromJson } from '../template/values.js';
import { containerJson } from '../views/container-inspect.js';
import { goStruct } from '../views/go-struct.js';
import { harmless } from './format-rows.js';

export interface InspectOptions {
  format: string | undefined;
  size: boolean | undefined;
}

/** All names are tried; what was found is shown. */
export function inspectContainers(
  root: string,
  names: readonly string[],
  { format, size = false }: InspectOptions,
): { text: string; errors: unknown[] } {
  const template = format === undefined || format === '' || format === 'json' ? undefined : parseTemplate(format);
  const shown: string[] = [];
  const errors: unknown[] = [];
  for (const name of names) {
    try {
      const json = containerJson(root, trueRecord(root, findContainer(root, name)), size);
      shown.push(template === undefined ? jsonText(viewOf(json)) : `${harmless(render(template, json))}\n`);
    } catch (error) {
      if (!(error instanceof KnownError)) throw error;
      errors.push(error);
      // A template that does not fit one container fits no other.
      if (error.code === 'E_TEMPLATE') break;
    }
  }
  if (template !== undefined) return { text: shown.length === 0 ? '\n' : shown.join(''), errors };
  const list = `[${shown.join(',')}]`;
  return { text: `${format === 'json' ? list : indentJson(list)}\n`, errors };
}

/** As Docker does: the fields of Go's struct first, where the id is `ID`; else the plain JSON. */
function render(template: Template, json: Record<string, unknown>): string {
  try {
    return renderTemplate(template, viewOf(json));
  } catch (error) {
    if (!(error instanceof KnownError) || error.code !== 'E_TEMPLATE') throw error;
  }
  return renderTemplate(template, fromJson(JSON.parse(jsonText(viewOf(json)))), { missingKeyIsError: true });
}

const viewOf = (json: Record<string, unknown>) => goStruct('container.InspectResponse', json);
