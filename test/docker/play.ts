/** Plays the same command lines through docker and through ours, and compares what can be seen of them. */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { cli } from '../support/cli.js';
import { type CommandResult, startDockerd } from '../support/dockerd.js';
import { busyboxIn, importImage } from '../support/imported-image.js';
import { tempDir } from '../support/temp.js';

/** One command line. Words in quotes are one; DIR is a folder of the side's own; what begins with `run` is ours to tsrun. */
export interface Step {
  run: string;
  input?: string;
  /** What is said on standard error is a contract too. */
  stderr?: true;
  /** Its lines come in any order. */
  sorted?: true;
  /** A difference that is meant (docs/docker-differences.md): what each side prints, on whichever stream. */
  differs?: { docker: RegExp; ours: RegExp; status?: [docker: number, ours: number] };
}

/** What is done one after the other. Containers and volumes x, y and z are its own: they get names of their own, and are gone afterwards. */
export type Case = readonly (string | Step)[];

/** A failure in Docker's words. */
export const fails = (run: string, more: Partial<Step> = {}): Step => ({ run, stderr: true, ...more });
export const sorted = (run: string): Step => ({ run, sorted: true });

interface Side {
  name: 'docker' | 'ours';
  folder: string;
  call(args: readonly string[], input?: string): Promise<CommandResult>;
}

const state =
  '{{.State.Status}} {{.State.ExitCode}} {{.State.Running}} {{.State.Paused}} {{.State.Restarting}} {{.State.OOMKilled}}';

export async function playAll(t: TestContext, setUp: readonly string[], cases: readonly Case[]): Promise<void> {
  const daemon = await startDockerd(t);
  const dir = tempDir(t);
  const root = join(dir, 'root');
  await importImage(daemon, root, 'bb', busyboxIn(join(dir, 'image')), ['CMD ["echo", "default"]', 'ENV FROM=image']);
  const sides: Side[] = [
    {
      name: 'docker',
      folder: folderIn(join(dir, 'docker')),
      // Alone it asks images and networks as well.
      call: (args, input) => daemon.docker(args[0] === 'inspect' ? ['container', ...args] : args, input),
    },
    {
      name: 'ours',
      folder: folderIn(join(dir, 'ours')),
      call: (args, input) =>
        args[0] === 'run' ? cli('tsrun', root, args.slice(1), { input }) : cli('tscontainer', root, args, { input }),
    },
  ];
  try {
    for (const line of setUp) {
      const results = await Promise.all(sides.map((side) => perform(side, { run: line })));
      for (const { status, text } of results) assert.equal(status, 0, `${line}: ${text}`);
    }
    const numbered = cases.map((steps, index): Numbered => ({ steps, prefix: `c${index}` }));
    const [alone, together] = [true, false].map((is) => numbered.filter((it) => seesOthers(it) === is));
    await t.test('each for itself', { concurrency: 3 }, async (group) => {
      await Promise.all((together ?? []).map((it) => group.test(titleOf(it), () => playTwice(sides, it))));
    });
    for (const it of alone ?? []) await t.test(titleOf(it), () => playTwice(sides, it));
  } finally {
    await Promise.all(sides.map(removeEverything));
    await daemon.stop();
  }
}

interface Numbered {
  steps: Case;
  /** Of the names of its containers and volumes. */
  prefix: string;
}

const runOf = (step: Step | string): string => (typeof step === 'string' ? step : step.run);
const titleOf = ({ steps: [first = ''], prefix }: Numbered): string => `${prefix} ${runOf(first)}`;
/** Those that list volumes, or remove what is not needed, would see what others make. */
const seesOthers = ({ steps }: Numbered): boolean => steps.some((step) => /\b(volume ls|prune)\b/.test(runOf(step)));

/** What depends on the instant may differ once. */
async function playTwice(sides: readonly Side[], it: Numbered): Promise<void> {
  try {
    await play(sides, it);
  } catch (error) {
    if (!(error instanceof assert.AssertionError)) throw error;
    await play(sides, it);
  }
}

async function play(sides: readonly Side[], { steps, prefix }: Numbered): Promise<void> {
  const named = steps.map((step) => {
    const { run, ...more } = typeof step === 'string' ? { run: step } : step;
    return { ...more, run: withNames(run, prefix) };
  });
  const own = [...new Set(named.flatMap(({ run }) => run.match(new RegExp(`\\b${prefix}[xyz]\\b`, 'g')) ?? []))];
  try {
    for (const step of named) await compare(sides, step);
    if (own.length > 0) await compare(sides, { run: `inspect -f '${state}' ${own.join(' ')}` });
  } finally {
    if (own.length > 0)
      for (const clear of ['rm -fv', 'volume rm -f'])
        await Promise.all(sides.map((side) => side.call([...clear.split(' '), ...own])));
  }
}

/** `x`, `x:/path`, `container:x` and `source=x`, but nothing inside of what is quoted. */
function withNames(line: string, prefix: string): string {
  return words(line)
    .map((word) => (/[\s'"]/.test(word) ? word : word.replaceAll(/(^|[:=^])([xyz])(?=$|[:,$])/g, `$1${prefix}$2`)))
    .join(' ');
}

async function compare(sides: readonly Side[], step: Step): Promise<void> {
  const [docker, ours] = await Promise.all(sides.map((side) => perform(side, step)));
  assert.ok(docker && ours);
  if (step.differs !== undefined) {
    const { status = [docker.status, docker.status] } = step.differs;
    assert.deepEqual([docker.status, ours.status], status, `${step.run}\n${docker.text}\n${ours.text}`);
    assert.match(docker.text, step.differs.docker, step.run);
    assert.match(ours.text, step.differs.ours, step.run);
    return;
  }
  const seen = ({ status, stdout, stderr }: Outcome) => ({
    run: step.run,
    status,
    stdout,
    ...(step.stderr && { stderr }),
  });
  assert.deepEqual(seen(ours), seen(docker), `${docker.text}\n${ours.text}`);
}

interface Outcome {
  status: number | null;
  stdout: string;
  stderr: string;
  /** Everything as it was printed. */
  text: string;
}

async function perform({ folder, call }: Side, { run, input, sorted: isSorted }: Step): Promise<Outcome> {
  const [command = '', ...rest] = words(run).map((word) => unquoted(word).replaceAll('DIR', folder));
  const isNew = command === 'run' || command === 'create';
  const network = isNew && !/--net(work)?\b/.test(run) ? ['--network', 'none'] : [];
  const { status, stdout, stderr } = await call([command, ...network, ...rest], input);
  const common = normalize(stdout.replaceAll(folder, 'DIR'));
  return {
    status,
    stdout: isSorted ? common.split('\n').sort().join('\n') : common,
    stderr: wordsOfFailure(normalize(stderr.replaceAll(folder, 'DIR'))),
    text: stdout + stderr,
  };
}

/** As they stand, with their quotes. */
const words = (line: string): string[] => line.match(/(?:'[^']*'|"[^"]*"|[^\s'"])+/g) ?? [];
const unquoted = (word: string): string => word.replaceAll(/'([^']*)'|"([^"]*)"/g, '$1$2');

/** Ids, times and ages are each side's own. */
function normalize(text: string): string {
  return text
    .replaceAll(/\b[0-9a-f]{64}\b/g, 'ID')
    .replaceAll(/\b[0-9a-f]{12}\b/g, 'SHORT')
    .replaceAll(/\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d\S*( \+0000 UTC)?/g, 'TIME')
    .replaceAll(/(Less than a second|About a minute|\d+ (second|minute)s?)( ago)?/g, 'AGE')
    .replaceAll(/ {2,}/g, '  ');
}

/** Without the speaker's name and without the advice where to look for help; a hint is part of the sentence. */
function wordsOfFailure(text: string): string {
  return text
    .replaceAll('\n  hint: ', '. ')
    .split('\n')
    .filter((line) => line.trim() !== '' && !/--help|^Usage:|^See /.test(line))
    .map((line) => line.replace(/^(docker|tsrun|tscontainer): /, '').replace(/^Error( response from daemon)?: /, ''))
    .map((line) => line.replace(/^'((docker|tscontainer) |ts(?=run'))/, "'"))
    .join('\n');
}

/** What a case may copy to and from, and read variables from. */
function folderIn(path: string): string {
  mkdirSync(join(path, 'sub'), { recursive: true });
  writeFileSync(join(path, 'file'), 'content\n');
  writeFileSync(join(path, 'sub', 'inner'), 'inner\n');
  writeFileSync(join(path, 'env'), '# comment\nFILE=file\nSPACES= a b \n');
  writeFileSync(join(path, 'labels'), 'l1=one\n# no\nl2\n');
  return path;
}

async function removeEverything({ call }: Side): Promise<void> {
  const { stdout } = await call(['ps', '-aq']);
  const ids = stdout.split('\n').filter(Boolean);
  if (ids.length > 0) await call(['rm', '-fv', ...ids]);
}
