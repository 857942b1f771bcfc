/**
 * What makes a docker-archive a bundle: it lacks layers, because whoever it is for has them.
 *
 *     tspull-bundle.json   {"version": 1, "base": ["sha256:<chainID>", …]}
 *
 * Each chainID is that of the uppermost layer which an image stands on and which is not in the archive; nor need be those below it.
 */
import { KnownError } from '../errors.js';
import { type ChainId, parseChainId } from '../oci/digest.js';
import { fieldsOf, integerField, stringsField, wrong } from '../oci/fields.js';
import { parseStrictJson } from '../oci/strict-json.js';
import type { DocumentReader, ImageFiles } from './image-files.js';

export const bundlePath = 'tspull-bundle.json';
const VERSION = 1;
const MAX_BYTES = 1024 * 1024;

export function bundleText(base: Iterable<ChainId>): string {
  return JSON.stringify({ version: VERSION, base: [...base].sort() });
}

/** Undefined for an archive that is complete. @throws KnownError E_DOCUMENT, E_DIGEST, E_UNSUPPORTED for another version */
export function readBundleBase(files: ImageFiles, documents: DocumentReader): ReadonlySet<ChainId> | undefined {
  if (files.find(bundlePath) === undefined) return undefined;
  const bytes = documents.read(bundlePath, bundlePath, MAX_BYTES);
  const fields = fieldsOf(parseStrictJson(bytes, { what: bundlePath, numbers: 'integers', maxDepth: 4 }), bundlePath, [
    'version',
    'base',
  ]);
  const version = integerField(fields, 'version');
  if (version !== VERSION)
    throw new KnownError(
      'E_UNSUPPORTED',
      `the bundle has version ${version ?? 'none'}, and this program knows ${VERSION}`,
    );
  const base = stringsField(fields, 'base');
  if (base === undefined) throw wrong(bundlePath, 'has no "base"');
  return new Set(base.map(parseChainId));
}
