/** One command line given to `docker image` and to `tsimage`, each on a root of its own, and what of their answers must be the same. */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { cli } from '../../support/cli.js';
import { type CommandResult, type Dockerd, run } from '../../support/dockerd.js';

/**
 * A command line: words between blanks, or in '…' where they have blanks. `FOLDER` is the side's own, `OTHER` that of the other side,
 * `SHARED` one for both, `HOST` a registry, `SIDE` a namespace of the side in it; an input is a file in the shared folder.
 */
export type Case = string | { line: string; input?: string; like?: Likeness };

/**
 * `unordered`: Docker has no order for these lines. `new`: ids and digests are of the moment. `status`: only the status and the failure's
 * words are compared, because what is printed is a document of the side's own.
 */
export type Likeness = 'unordered' | 'new' | 'status';

export interface Sides {
  docker: Dockerd;
  /** Data root of tsimage. */
  root: string;
  /** Has `ours`, `theirs` and `shared` in it. */
  folder: string;
  /** Of the registry. */
  host: string;
}

export function makeFolders(folder: string): void {
  for (const name of ['ours', 'theirs', 'shared']) mkdirSync(join(folder, name), { recursive: true });
}

export async function compare(item: Case, sides: Sides): Promise<void> {
  const { line, input, like } = typeof item === 'string' ? { line: item } : item;
  const { docker, root, folder } = sides;
  const bytes = input === undefined ? '' : readFileSync(join(folder, 'shared', input));
  const config = { DOCKER_CONFIG: join(folder, 'config') };
  const [theirs, ours] = await Promise.all([
    run('docker', ['-H', docker.host, 'image', ...words(line, sides, 'theirs')], {
      input: bytes,
      env: { ...process.env, ...config },
    }),
    cli('tsimage', root, words(line, sides, 'ours'), { input: bytes, env: config }),
  ]);
  const seen = (result: CommandResult) => ({
    status: result.status,
    stdout: like === 'status' ? '' : output(neutral(result.stdout, sides), like),
    failure: failure(neutral(result.stderr, sides)),
  });
  assert.deepEqual(seen(ours), seen(theirs), `${line}\n${ours.stdout}${ours.stderr}\n${theirs.stdout}${theirs.stderr}`);
}

function words(line: string, { folder, host }: Sides, side: 'ours' | 'theirs'): string[] {
  const other = side === 'ours' ? 'theirs' : 'ours';
  const places = {
    FOLDER: join(folder, side),
    OTHER: join(folder, other),
    SHARED: join(folder, 'shared'),
    HOST: host,
    SIDE: side,
  };
  return [...line.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, bare]) =>
    Object.entries(places).reduce((word, [name, value]) => word.replaceAll(name, value), quoted ?? bare ?? ''),
  );
}

function neutral(text: string, { folder }: Sides): string {
  return text
    .replaceAll(join(folder, 'ours'), 'FOLDER')
    .replaceAll(join(folder, 'theirs'), 'FOLDER')
    .replaceAll(/(?<=[/ ])(?:ours|theirs)(?=\/)/g, 'SIDE')
    .replaceAll(/from (?:ours|theirs)\b/g, 'from SIDE');
}

function output(text: string, like: Likeness | undefined): unknown {
  const same = text.replaceAll('docker image', 'tsimage');
  const known =
    like === 'new' ? same.replaceAll(/sha256:[0-9a-f]{64}/g, 'ID').replaceAll(/\bsize: \d+/g, 'size') : same;
  return like === undefined ? known : known.split('\n').sort();
}

/** The same failure in both programs' words; the usage that may follow names the programs, and ours may add what to do. */
function failure(text: string): string[] {
  const [said = ''] = text.split('\n\n');
  return said
    .replaceAll(/^(?:error response from daemon: |error: |docker: |tsimage: )+/gim, '')
    .replaceAll(/docker image|tsimage/g, 'PROGRAM')
    .toLowerCase()
    .trim()
    .split('\n')
    .filter((line) => !line.startsWith('  hint:'));
}
