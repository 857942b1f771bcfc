/** The same command lines through `docker run --rm` and `tsrun --rm`: status, standard output, and what goes wrong in which words. */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { cli } from '../support/cli.js';
import { type CommandResult, dockerdNeeds, run, startDockerd } from '../support/dockerd.js';
import { missing } from '../support/needs.js';
import { startDockerRegistry } from '../support/real-registry.js';
import { tempDir } from '../support/temp.js';
import { busyboxImage } from './images.js';
import { groups, type RunCase } from './run-cases.js';

/** A folder of the host for one side; both sides start with the same. */
function hostFolder(path: string): string {
  mkdirSync(join(path, 'sub'), { recursive: true });
  writeFileSync(join(path, 'file'), 'content\n');
  writeFileSync(join(path, 'env'), '# comment\nFILE=file\nQUOTED="q"\nFROM_CALLER\n\nSPACES= a b \n');
  return path;
}

interface Side {
  image: string;
  folder: string;
  call: (args: readonly string[], input: string) => Promise<CommandResult>;
}

/** What happened, with the side's own paths and names replaced. */
async function outcome(side: Side, { args, input = '', normalize = (text) => text }: RunCase): Promise<CommandResult> {
  const network = args.includes('--network') ? [] : ['--network', 'none'];
  const words = args.map((word) => (word === 'IMAGE' ? side.image : word.replaceAll('DIR', side.folder)));
  const { status, stdout, stderr } = await side.call(['--rm', ...network, ...words], input);
  const common = (text: string) => text.replaceAll(side.folder, 'DIR').replaceAll(side.image, 'IMAGE');
  return { status, stdout: normalize(common(stdout)), stderr: common(stderr) };
}

/** Docker wraps its reasons in the names of its parts; ours must be among the words. */
function assertSameWords(ours: string, theirs: string): void {
  if (!/^(docker: |tsrun: )/.test(theirs) && !ours.startsWith('tsrun: ')) {
    assert.equal(ours, theirs);
    return;
  }
  const [reason = ''] = ours
    .toLowerCase()
    .replace(/^tsrun: /, '')
    .split('\n');
  // runc says as well which call failed, and quotes quotes.
  const reasons = theirs
    .toLowerCase()
    .replace(/: stat \S+: /, ': ')
    .replaceAll('\\"', '"');
  assert.ok(reasons.includes(reason), `"${reason}" is not among "${reasons}"`);
}

const skip = missing(...dockerdNeeds, 'docker-registry', 'busybox');

test('tsrun does what docker run does', { skip, concurrency: 3 }, async (t) => {
  const registry = await startDockerRegistry(t);
  await registry.push('lib/busybox', '1', busyboxImage());
  const image = `${registry.host}/lib/busybox:1`;
  const dir = tempDir(t);
  const root = join(dir, 'ours');
  const daemon = await startDockerd(t);
  const [pulled, loaded] = await Promise.all([
    cli('tspull', root, ['-q', image]),
    daemon.docker(['pull', '-q', image]),
  ]);
  assert.deepEqual([pulled.status, loaded.status], [0, 0], pulled.stderr + loaded.stderr);
  process.env['FROM_CALLER'] = 'yes';

  let count = 0;
  const sides = (number: number): [ours: Side, theirs: Side] => [
    {
      image,
      folder: hostFolder(join(dir, `ours-${number}`)),
      call: (args, input) => cli('tsrun', root, args, { input }),
    },
    {
      image,
      folder: hostFolder(join(dir, `docker-${number}`)),
      call: (args, input) => daemon.docker(['run', ...args], input),
    },
  ];
  const tests = Object.entries(groups).flatMap(([group, cases]) =>
    cases.map((one) =>
      t.test(`${group}: ${one.args.join(' ')}`.slice(0, 160).replaceAll('\n', ' '), async () => {
        const [ours, theirs] = await Promise.all(sides(count++).map((side) => outcome(side, one)));
        assert.ok(ours && theirs);
        const { status, stdout } = ours;
        assert.deepEqual(
          { status, stdout },
          { status: theirs.status, stdout: theirs.stdout },
          ours.stderr + theirs.stderr,
        );
        if (one.otherStderr === undefined) assertSameWords(ours.stderr, theirs.stderr);
      }),
    ),
  );
  await Promise.all(tests);
  assert.ok(tests.length >= 60);
  await daemon.stop();
  assert.equal((await run('ls', ['-A', join(root, 'tspull/containers')])).stdout, '', 'a container was left');
});
