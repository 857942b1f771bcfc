import { validateHeaderName, validateHeaderValue } from 'node:http';
import { configError } from './config-file.js';
import type { Fields } from './fields.js';

// What our own requests say, or what decides where a message ends.
const ours = ['host', 'connection', 'content-length', 'transfer-encoding', 'range', 'accept-encoding'];

/** The `header` table: each a string or a list. Values may be secrets, so that no message has them. */
export function parseHeaders(fields: Fields | undefined): Record<string, string[]> {
  const headers: Record<string, string[]> = {};
  for (const name of fields?.names ?? []) {
    const values = fields?.textOrTexts(name) ?? [];
    const key = name.toLowerCase();
    if (fields === undefined) continue;
    if (ours.includes(key)) throw configError(fields.placeOf(name), `the header "${key}" cannot be set`);
    if (!isValid(key, values)) throw configError(fields.placeOf(name), 'a header that HTTP does not allow');
    headers[key] = [...(headers[key] ?? []), ...values];
  }
  return headers;
}

function isValid(name: string, values: readonly string[]): boolean {
  try {
    validateHeaderName(name);
    for (const value of values) validateHeaderValue(name, value);
    return true;
  } catch (error) {
    if (error instanceof TypeError) return false;
    throw error;
  }
}
