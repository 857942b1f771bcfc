/** The same logins and logouts through docker and tsimage: the same words, statuses and files. */
import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { cli } from '../support/cli.js';
import { type CommandResult, dockerdNeeds, run, startDockerd } from '../support/dockerd.js';
import { missing } from '../support/needs.js';
import { joeSecret, startDockerRegistry } from '../support/real-registry.js';
import { tempDir } from '../support/temp.js';

const skip = missing(...dockerdNeeds, 'docker-registry');

/** A helper that keeps what it is told in a file of its folder, and each call in another. */
const helper = `#!/bin/sh
cd "$HOME" || exit 1
input=$(cat)
echo "$1 $input" >> calls
case "$1" in
store) echo "$input" > kept ;;
get) if [ -e kept ]; then cat kept; else echo 'credentials not found in native keychain'; exit 1; fi ;;
erase) rm -f kept ;;
esac
`;

interface Step {
  args: (host: string) => string[];
  input?: string;
  /** Written before; undefined leaves it as it is. */
  config?: object;
}

const login = (...args: string[]) => ({ args: (host: string) => ['login', ...args, host] });
const logout: Step = { args: (host) => ['logout', host] };
const asJoe = login('-u', 'joe', '-p', 'secret');
const fromInput = login('-u', 'joe', '--password-stdin');
const stories: Record<string, Step[]> = {
  'in and out': [asJoe, login(), asJoe, logout, logout],
  'by standard input': [
    { ...fromInput, input: 'secret\r\n' },
    { ...fromInput, input: 'wrong' },
    { ...fromInput, input: '' },
  ],
  'wrong from the beginning': [
    login('-u', 'joe', '-p', 'wrong'),
    login('-u', 'joe', '-p', ''),
    login('-u', '', '-p', 'x'),
    login('--password-stdin'),
    login('-u', 'joe', '-p', 'x', '--password-stdin'),
    { args: (host) => ['login', host, host] },
    { args: (host) => ['logout', host, host] },
  ],
  'names of a server': [
    { args: (host) => ['login', '-u', 'joe', '-p', 'secret', `http://${host}/v2/`] },
    { args: (host) => ['logout', `https://${host}/v1/`] },
  ],
  'a helper for all': [
    { ...asJoe, config: { credsStore: 'keeper' } },
    login(),
    logout,
    login('-u', 'joe', '-p', 'wrong'),
  ],
  'a helper for another': [{ ...asJoe, config: { credHelpers: { 'other.test': 'keeper' } } }, logout],
  'a login that is no longer good': [{ ...login(), config: { auths: {} } }],
};

test('the same words, statuses and files', { skip, timeout: 180_000 }, async (t) => {
  const { host } = await startDockerRegistry(t, { htpasswd: joeSecret });
  const docker = await startDockerd(t);
  const place = (dir: string) => {
    mkdirSync(join(dir, 'config'), { recursive: true });
    mkdirSync(join(dir, 'helper'));
    writeFileSync(join(dir, 'docker-credential-keeper'), helper);
    chmodSync(join(dir, 'docker-credential-keeper'), 0o755);
    const env = {
      ...process.env,
      PATH: `${dir}:${process.env['PATH']}`,
      HOME: join(dir, 'helper'),
      DOCKER_CONFIG: join(dir, 'config'),
    };
    return { dir, env, file: join(dir, 'config/config.json') };
  };
  const state = ({ dir, file }: ReturnType<typeof place>) => ({
    config: existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as unknown) : undefined,
    mode: existsSync(file) ? statSync(file).mode & 0o777 : undefined,
    kept: existsSync(join(dir, 'helper/kept')),
  });
  const words = ({ status, stdout, stderr }: CommandResult, folder: string) => ({
    status,
    stdout: stdout.replaceAll(folder, 'FOLDER'),
    stderr: stderr
      .replaceAll(folder, 'FOLDER')
      .replaceAll('docker', 'tsimage')
      .replace(/^(?:Error response from daemon|Error|tsimage): /gm, '')
      .replace(/^.+annot perform/gm, 'cannot perform')
      .replace(/^Cannot/gm, 'cannot')
      // Ours adds a hint, and Docker 28 misspells its advice.
      .replace(/^ {2}hint: .*\n/gm, '')
      .replace('SRun', 'Run'),
  });
  for (const [name, steps] of Object.entries(stories))
    await t.test(name, async (t) => {
      const [theirs, ours] = [place(join(tempDir(t), 'theirs')), place(join(tempDir(t), 'ours'))];
      for (const { args, input = '', config } of steps) {
        if (config !== undefined)
          for (const { file } of [theirs, ours]) writeFileSync(file, JSON.stringify(config), { mode: 0o600 });
        const line = args(host);
        const expected = await run('docker', ['-H', docker.host, ...line], { env: theirs.env, input });
        const actual = await cli('tsimage', '/nonexistent', line, { env: ours.env, input });
        assert.deepEqual(words(actual, ours.dir), words(expected, theirs.dir), line.join(' '));
        assert.deepEqual(state(ours), state(theirs), line.join(' '));
      }
    });
  await docker.stop();
});
