/** Configuration in TOML. The only user of smol-toml, and loaded only when there is such a file. */
import { parse, TomlError } from 'smol-toml';
import { printable } from '../../../store/printable.js';
import { configError } from './config-file.js';
import { type Fields, fieldsOf } from './fields.js';
import { findSections } from './toml-sections.js';

/** The document's top level. Tables keep the order of the file. @throws KnownError `E_CONFIG` with file and line */
export function parseToml(text: string, file: string): Fields {
  try {
    return fieldsOf(parse(text), { file, sections: findSections(text), path: [] });
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    // The rest of the message quotes the document.
    const problem = error.message.split('\n')[0]?.replace(/^Invalid TOML document: /, '') ?? '';
    throw configError({ file, line: error.line }, `not TOML: ${printable(problem, 200)}`);
  }
}
