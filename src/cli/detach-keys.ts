import { KnownError } from '../../store/errors.js';
import { printable } from '../../store/printable.js';

/** What leaves a container alone without ending it, unless `--detach-keys` says otherwise. */
export const defaultDetachKeys = 'ctrl-p,ctrl-q';

/** The bytes of a sequence such as `ctrl-p,ctrl-q` or `a,ctrl-@`; empty for none. */
export function parseDetachKeys(text: string): Buffer {
  if (text === '') return Buffer.alloc(0);
  return Buffer.from(
    text.split(',').map((key) => {
      const [, letter] = /^ctrl-([a-z@[\\\]^_])$/i.exec(key) ?? [];
      if (letter !== undefined) return letter.toUpperCase().charCodeAt(0) & 0x1f;
      if (/^[\x20-\x7e]$/.test(key)) return key.charCodeAt(0);
      throw new KnownError(
        'E_USAGE',
        `invalid detach keys (${printable(text)}): Unknown character: '${printable(key)}'`,
      );
    }),
  );
}

export interface DetachScanner {
  /** The input that is for the container, and whether the sequence was complete. */
  scan(chunk: Buffer): { input: Buffer; detached: boolean };
}

/** Keeps back what could be the beginning of the sequence until the next byte tells. */
export function detachScanner(keys: Buffer): DetachScanner {
  let matched = 0;
  return {
    scan(chunk) {
      if (keys.length === 0) return { input: chunk, detached: false };
      const input: number[] = [];
      for (const byte of chunk) {
        if (byte === keys[matched]) {
          if (++matched === keys.length) return { input: Buffer.from(input), detached: true };
          continue;
        }
        input.push(...keys.subarray(0, matched));
        matched = byte === keys[0] ? 1 : 0;
        if (matched === 0) input.push(byte);
      }
      return { input: Buffer.from(input), detached: false };
    },
  };
}
