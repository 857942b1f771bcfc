import { createInterface } from 'node:readline';
import type { CliContext } from './main.js';

/** Docker's question before something is removed: only `y` or `Y` means yes, and the end of the input means no. */
export async function askToContinue(warning: string, { out }: CliContext): Promise<boolean> {
  out(`${warning}\nAre you sure you want to continue? [y/N] `);
  const lines = createInterface({ input: process.stdin });
  try {
    for await (const line of lines) return line.trim().toLowerCase() === 'y';
    return false;
  } finally {
    lines.close();
    process.stdin.pause();
  }
}
