import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { repositoriesPath } from '../../../store/images/repositories-file.js';
import { run } from '../../support/dockerd.js';
import { makeImages } from '../../support/image-root.js';
import { tempDir } from '../../support/temp.js';

const program = fileURLToPath(new URL('../../../src/cli/tsimage.js', import.meta.url));
const tsimage = (root: string, ...args: string[]) => run(process.execPath, [program, '--root', root, ...args]);

const hostile = '\u001b]52;c;cm0=\u0007\u001b[2J\u009b31m\u202erm\u202c\r\u007f';

test('hostile text in an image reaches no terminal, and JSON has it exactly', async (t) => {
  const root = tempDir(t);
  const config = { author: hostile, comment: hostile, history: [{ created_by: hostile, comment: hostile }] };
  await makeImages(root, [{ layers: ['a'], tags: ['x:1'], config }]);
  for (const args of [
    ['history', 'x:1'],
    ['history', '--no-trunc', 'x:1'],
    ['history', '--format', '{{.CreatedBy}}', 'x:1'],
    ['ls'],
  ]) {
    const { status, stdout } = await tsimage(root, ...args);
    assert.equal(status, 0);
    assert.doesNotMatch(stdout, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e]/, args.join(' '));
  }
  const inspected = await tsimage(root, 'inspect', 'x:1');
  assert.equal(JSON.parse(inspected.stdout)[0].Author, hostile);
  const { stdout } = await tsimage(root, 'history', '--no-trunc', '--format', 'json', 'x:1');
  assert.equal(JSON.parse(stdout).CreatedBy, hostile);
});

test('hostile words on the command line are escaped in errors', async (t) => {
  const root = tempDir(t);
  for (const args of [
    ['inspect', hostile],
    ['rm', hostile],
    ['tag', hostile, 'x'],
    ['ls', '-f', `${hostile}=1`],
    [hostile],
    [`--${hostile}`],
  ]) {
    const { status, stderr } = await tsimage(root, ...args);
    assert.notEqual(status, 0);
    assert.doesNotMatch(stderr, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e]/, JSON.stringify(args));
  }
});

test('a missing root lists as empty and is not made', async (t) => {
  const root = `${tempDir(t)}/missing`;
  assert.deepEqual(await tsimage(root, 'ls'), {
    status: 0,
    stdout: 'REPOSITORY   TAG       IMAGE ID   CREATED   SIZE\n',
    stderr: '',
  });
  assert.throws(() => readFileSync(root), { code: 'ENOENT' });
  const gone = await tsimage(root, 'inspect', 'x');
  assert.deepEqual([gone.status, gone.stdout], [1, '[]\n']);
  assert.equal(gone.stderr, 'tsimage: no such image: x: No such image: x:latest\n');
});

test('a damaged repositories.json is told with what to do', async (t) => {
  const root = tempDir(t);
  mkdirSync(dirname(repositoriesPath(root)), { recursive: true });
  writeFileSync(repositoriesPath(root), '');
  const { status, stderr } = await tsimage(root, 'ls');
  assert.equal(status, 1);
  assert.match(stderr, /^tsimage: ".*repositories\.json" is damaged: .*\n {2}hint: move the file away/);
});

test('statuses: wrong flags 125, wrong arguments 1, bad templates 64, help and version 0', async (t) => {
  const root = tempDir(t);
  await makeImages(root, [{ layers: ['a'], tags: ['x:1'] }]);
  const cases: [args: string[], status: number, output: RegExp][] = [
    [
      ['ls', '--bogus'],
      125,
      /^unknown flag: --bogus\n\nUsage: {2}tsimage ls \[OPTIONS\] \[REPOSITORY\[:TAG\]\]\n\nRun 'tsimage ls --help'/,
    ],
    [['ls', '-Z'], 125, /^unknown shorthand flag/],
    [['ls', '--format'], 125, /^flag needs an argument: --format\n/],
    [['ls', '-f', 'x'], 125, /^invalid argument "x" for "-f, --filter" flag: bad format of filter/],
    [['nope'], 1, /^tsimage: unknown command: tsimage nope\n/],
    [['rm'], 1, /^tsimage: 'tsimage rm' requires at least 1 argument\n/],
    [['tag', 'x'], 1, /^tsimage: 'tsimage tag' requires 2 arguments\n/],
    [['inspect', '-f', '{{.Id', 'x:1'], 64, /^tsimage: template parsing error: template: :1: unclosed action\n/],
    [['inspect', '-f', '{{.Nope}}', 'x:1'], 1, /map has no entry for key "Nope"/],
    [['ls', '--format', '{{.Nope'], 1, /unclosed action/],
    [['--help'], 0, /Commands:[\s\S]*inspect/],
    [['ls', '--help'], 0, /--no-trunc/],
    [['ls', '--quiet=true', '--no-trunc=false'], 0, /^[0-9a-f]{12}\n$/],
    [['history', '--human=false', 'x:1'], 0, /CREATED AT/],
    [['--version'], 0, /^tsimage version \d+\.\d+\.\d+\n$/],
  ];
  for (const [args, status, output] of cases) {
    const result = await tsimage(root, ...args);
    assert.equal(result.status, status, `${args.join(' ')}: ${result.stderr}`);
    assert.match(status === 0 ? result.stdout : result.stderr, output, args.join(' '));
  }
});

test('a reader that goes away ends the program quietly', async (t) => {
  const root = tempDir(t);
  const images = Array.from({ length: 200 }, (_, index) => ({
    layers: ['a'],
    tags: [`x:${index}`],
    config: { index },
  }));
  await makeImages(root, images);
  const child = spawn(process.execPath, [program, '--root', root, 'inspect', ...images.flatMap(({ tags }) => tags)], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stderr = '';
  child.stderr.on('data', (chunk) => {
    stderr += chunk;
  });
  child.stdout.once('data', () => child.stdout.destroy());
  const status = await new Promise((resolve) => child.once('close', resolve));
  assert.deepEqual([status, stderr], [141, '']);
});

test('rm goes on after a failure; with --force what is missing is no failure', async (t) => {
  const root = tempDir(t);
  await makeImages(root, [
    { layers: ['a'], tags: ['x:1'] },
    { layers: ['b'], tags: ['y:1'] },
  ]);
  const mixed = await tsimage(root, 'rm', 'x:1', 'nosuch', 'y:1');
  assert.equal(mixed.status, 1);
  assert.match(mixed.stdout, /^Untagged: x:1\nDeleted: sha256:[\s\S]*Untagged: y:1\n/);
  assert.equal(mixed.stderr, 'tsimage: No such image: nosuch:latest\n');
  const forced = await tsimage(root, 'rmi', '-f', 'nosuch');
  assert.deepEqual(forced, { status: 0, stdout: '', stderr: 'tsimage: No such image: nosuch:latest\n' });
});
