import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { TestContext } from 'node:test';
import { type CommandResult, type RunOptions, run } from './dockerd.js';
import { tempDir } from './temp.js';

/** Content, a file to copy, or nothing at all in this place. */
export type EtcFile = string | { copyOf: string } | undefined;

// The upper layer is a tmpfs because overlayfs, which /tmp may be, cannot be one.
const script = `set -e
mount -t tmpfs none "$1/top"
mkdir "$1/top/upper" "$1/top/work"
cp -a "$1/files/." "$1/top/upper"
mount -t overlay overlay -o "lowerdir=/etc,upperdir=$1/top/upper,workdir=$1/top/work" /etc
shift
exec "$@"`;

/** Runs a program that sees these files in /etc besides those that are there; nobody else does. Needs root. */
export function runWithEtc(
  t: Pick<TestContext, 'after'>,
  files: Record<string, EtcFile>,
  command: readonly string[],
  options: RunOptions = {},
): Promise<CommandResult> {
  const folder = tempDir(t);
  mkdirSync(join(folder, 'top'));
  mkdirSync(join(folder, 'files'));
  for (const [name, content] of Object.entries(files)) {
    const path = join(folder, 'files', name);
    mkdirSync(dirname(path), { recursive: true });
    // How overlayfs says that a name of the lower layer is gone.
    if (content === undefined) execFileSync('mknod', [path, 'c', '0', '0']);
    else if (typeof content === 'string') writeFileSync(path, content);
    else cpSync(content.copyOf, path);
  }
  const own = ['--mount', '--propagation', 'private', 'sh', '-c', script, 'sh', folder];
  return run('unshare', [...own, ...command], options);
}
