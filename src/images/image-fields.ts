/**
 * Reading an image config the way Docker's typed decoder does: keys match in any case, and a value of a wrong type counts
 * as absent.
 */
import { isRecord } from '../../store/images/image-document.js';

type Document = Readonly<Record<string, unknown>>;

export function member(document: Document, key: string): unknown {
  if (Object.hasOwn(document, key)) return document[key];
  const lower = key.toLowerCase();
  const other = Object.keys(document).find((name) => name.toLowerCase() === lower);
  return other === undefined ? undefined : document[other];
}

export function textOf(document: Document, key: string): string {
  const value = member(document, key);
  return typeof value === 'string' ? value : '';
}

export function flagOf(document: Document, key: string): boolean {
  return member(document, key) === true;
}

export function integerOf(document: Document, key: string): bigint | undefined {
  const value = member(document, key);
  return typeof value === 'number' && Number.isInteger(value) ? BigInt(value) : undefined;
}

export function recordOf(document: Document, key: string): Document | undefined {
  const value = member(document, key);
  return isRecord(value) ? value : undefined;
}

/** A command may also be one string, as very old images have it. */
export function wordsOf(document: Document, key: string): string[] | null {
  const value = member(document, key);
  if (typeof value === 'string') return [value];
  return Array.isArray(value) ? value.map((word) => (typeof word === 'string' ? word : '')) : null;
}

/** The keys of a set such as `ExposedPorts`. */
export function setOf(document: Document, key: string): string[] | null {
  const value = recordOf(document, key);
  return value === undefined ? null : Object.keys(value);
}

export function textMapOf(document: Document, key: string): Map<string, string> | null {
  const value = recordOf(document, key);
  if (value === undefined) return null;
  return new Map(Object.entries(value).map(([name, text]) => [name, typeof text === 'string' ? text : '']));
}

export interface HistoryEntry {
  created: unknown;
  createdBy: string;
  comment: string;
  emptyLayer: boolean;
}

export function historyOf(document: Document): HistoryEntry[] {
  const history = member(document, 'history');
  return (Array.isArray(history) ? history : []).map((value) => {
    const entry = isRecord(value) ? value : {};
    return {
      created: member(entry, 'created'),
      createdBy: textOf(entry, 'created_by'),
      comment: textOf(entry, 'comment'),
      emptyLayer: flagOf(entry, 'empty_layer'),
    };
  });
}
