import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** `root`, or the name of a program that must be on PATH. */
export type Need = 'root' | (string & {});

/** Where a program is, also in the administrator's folders that an ordinary user's PATH lacks. */
export function findProgram(name: string): string | undefined {
  for (const folder of [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/sbin', '/usr/local/sbin']) {
    if (folder === '') continue;
    const path = join(folder, name);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {}
  }
  return undefined;
}

/**
 * For the `skip` option of a test: false when everything is there, otherwise the reason. With CI=true nothing may be
 * skipped, so a missing need throws and fails the file.
 */
export function missing(...needs: Need[]): string | false {
  const lacking = needs.filter((need) =>
    need === 'root' ? process.getuid?.() !== 0 : findProgram(need) === undefined,
  );
  return lacking.length === 0 ? false : skipFor(`needs ${lacking.join(', ')}`);
}

/** The reason, or with CI=true a failure. */
export function skipFor(reason: string): string {
  if (process.env['CI'] === 'true') throw new Error(`${reason}; nothing may be skipped with CI=true`);
  return reason;
}
