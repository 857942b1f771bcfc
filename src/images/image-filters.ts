/** The `--filter` options of `ls`. */
import { KnownError } from '../../store/errors.js';
import type { ImageRecord } from '../../store/images/image-db.js';
import type { ImageName } from '../../store/images/repositories.js';
import { printable } from '../../store/printable.js';
import { findImage, type ImageIndex } from './find.js';
import { parseGoTime } from './go-time.js';
import { member, recordOf, textMapOf } from './image-fields.js';
import { compilePattern } from './path-match.js';
import { parseUntil } from './until.js';

/** Filters by name, in the order given: `[['label', 'a=1'], …]`. */
export type FilterList = readonly (readonly [name: string, value: string])[];

export interface ImageFilters {
  /** undefined: not asked for. */
  dangling: boolean | undefined;
  /** Whether the image itself passes; its names are another matter. */
  acceptsImage(image: ImageRecord): boolean;
  /** undefined: every name passes, and images without one do too. */
  acceptsName: ((name: ImageName) => boolean) | undefined;
}

const known = ['dangling', 'label', 'before', 'since', 'reference', 'until'];

/** @throws KnownError `E_USAGE`, and `E_NO_IMAGE` for `before` and `since` */
export function imageFilters(index: ImageIndex, list: FilterList, now: number): ImageFilters {
  for (const [name] of list)
    if (!known.includes(name)) throw new KnownError('E_USAGE', `invalid filter '${printable(name, 100)}'`);
  const values = (wanted: string) => list.flatMap(([name, value]) => (name === wanted ? [value] : []));
  const patterns = values('reference').map(compilePattern);
  const createdOf = (value: string) => createdAt(findImage(index, value));
  const before = [...values('before').map(createdOf), ...values('until').map((value) => parseUntil(value, now))];
  const since = values('since').map(createdOf);
  const labels = values('label').map(parseLabel);
  return {
    dangling: parseDangling(values('dangling')),
    acceptsImage: (image) =>
      before.every((time) => createdAt(image) < time) &&
      since.every((time) => createdAt(image) > time) &&
      (labels.length === 0 || hasLabels(image, labels)),
    acceptsName:
      patterns.length === 0 ? undefined : ({ name, key }) => patterns.some((match) => match(key) || match(name)),
  };
}

function createdAt(image: ImageRecord): bigint {
  return parseGoTime(member(image.document, 'created')).nanoseconds;
}

function parseDangling(values: readonly string[]): boolean | undefined {
  const [value] = values;
  if (value === undefined) return undefined;
  if (values.every((other) => other === 'true' || other === '1')) return true;
  if (values.every((other) => other === 'false' || other === '0')) return false;
  throw new KnownError('E_USAGE', `invalid filter 'dangling=[${printable(values.join(' '), 100)}]'`);
}

interface Label {
  key: string;
  value: string | undefined;
}

function parseLabel(text: string): Label {
  const equals = text.indexOf('=');
  if (equals === -1) return { key: text, value: undefined };
  return { key: text.slice(0, equals), value: text.slice(equals + 1) };
}

function hasLabels(image: ImageRecord, wanted: readonly Label[]): boolean {
  const config = recordOf(image.document, 'config');
  const labels = config === undefined ? null : textMapOf(config, 'Labels');
  return wanted.every(({ key, value }) => {
    const own = labels?.get(key);
    return own !== undefined && (value === undefined || own === value);
  });
}
