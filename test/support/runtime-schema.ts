/** The JSON schema of the OCI runtime specification, as Debian's golang-github-opencontainers-specs-dev has it. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import Draft04 from 'ajv-draft-04';
import { skipFor } from './needs.js';

const folder = '/usr/share/gocode/src/github.com/opencontainers/runtime-spec/schema';

/** For the `skip` option of a test. */
export const schemaMissing = (): string | false =>
  !existsSync(folder) && skipFor('needs golang-github-opencontainers-specs-dev');

/** Makes a function that tells what of a bundle's config.json is against the schema: places and reasons. */
export function configProblems(): (config: unknown) => string[] {
  // Its formats are Go's widths of integers, which it checks by ranges as well.
  const schemas = new Draft04.default({ strict: false, allErrors: true, validateFormats: false });
  for (const name of readdirSync(folder).filter((file) => file.endsWith('.json')))
    schemas.addSchema(JSON.parse(readFileSync(join(folder, name), 'utf8')), name);
  const validate = schemas.getSchema('config-schema.json');
  assert.ok(validate, 'the schema has another name');
  return (config) => {
    validate(config);
    return (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`);
  };
}
