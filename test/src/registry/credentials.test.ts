import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type Credentials, findCredentials } from '../../../src/registry/credentials.js';
import { loggedIn, userEntry } from '../../support/logins.js';
import { tempDir } from '../../support/temp.js';

const me: Credentials = { kind: 'password', username: 'me', password: 'p:w' };
const entry = userEntry('me', 'p:w');
const hub = 'https://index.docker.io/v1/';

/** domain, `auths`, expected */
const docker: [string, Record<string, object>, Credentials | undefined][] = [
  ['r.test', { 'r.test': entry }, me],
  ['r.test:5000', { 'r.test:5000': entry }, me],
  ['r.test:5000', { 'r.test': entry }, undefined],
  ['r.test', { 'https://r.test': entry }, me],
  ['r.test', { 'https://r.test/v1/': entry }, me],
  ['r.test', { 'http://r.test/v2/': entry }, me],
  ['r.test', { 'other.test': entry }, undefined],
  ['r.test', { 'a.r.test': entry, 'r.test.evil': entry }, undefined],
  ['[::1]:5000', { '[::1]:5000': entry }, me],
  ['docker.io', { [hub]: entry }, me],
  ['docker.io', { 'docker.io': entry }, me],
  ['docker.io', { 'https://registry-1.docker.io': entry }, me],
  ['docker.io', { 'r.test': entry }, undefined],
  ['r.test', { 'r.test': {} }, undefined],
  ['r.test', { 'r.test': { username: 'me', password: 'p:w' } }, me],
  ['r.test', { 'r.test': { ...entry, identitytoken: 'i' } }, { kind: 'identity', token: 'i' }],
  ['r.test', { 'r.test': { registrytoken: 'r' } }, { kind: 'registry', token: 'r' }],
  ['r.test', { 'r.test': userEntry('me', 'pä\u0000') }, { kind: 'password', username: 'me', password: 'pä' }],
  ['constructor', {}, undefined],
];
for (const [domain, auths, expected] of docker) {
  test(`docker config: ${domain} among ${Object.keys(auths)}`, async (t) => {
    assert.deepEqual(await findCredentials(domain, 'a/b', loggedIn(t, auths)), expected);
  });
}

function write(path: string, value: unknown): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, typeof value === 'string' ? value : JSON.stringify(value));
}

test('auth.json of containers tools, the most specific entry first', async (t) => {
  const folder = tempDir(t);
  const env = { HOME: folder, XDG_RUNTIME_DIR: join(folder, 'run') };
  write(join(folder, '.config/containers/auth.json'), { auths: { 'r.test': userEntry('home', 'x') } });
  const name = async (path: string, more = {}) => {
    const found = await findCredentials('r.test', path, { ...env, ...more });
    return found?.kind === 'password' ? found.username : found;
  };
  assert.equal(await name('a/b'), 'home');
  const auths = {
    'r.test/a': userEntry('a', 'x'),
    'r.test/a/b': userEntry('ab', 'x'),
    'r.test': userEntry('run', 'x'),
  };
  write(join(folder, 'run/containers/auth.json'), { auths });
  assert.deepEqual([await name('a/b'), await name('a/c'), await name('ab')], ['ab', 'a', 'run']);
  write(join(folder, 'named.json'), { auths: { 'r.test': userEntry('named', 'x') } });
  assert.equal(await name('a/b', { REGISTRY_AUTH_FILE: join(folder, 'named.json') }), 'named');
  write(join(folder, '.docker/config.json'), { auths: { 'r.test': userEntry('docker', 'x') } });
  assert.equal(await name('a/b'), 'docker');
});

test('nothing stored', async (t) => {
  assert.equal(await findCredentials('r.test', 'a', { HOME: tempDir(t) }), undefined);
});

for (const [what, content] of [
  ['broken JSON', '{"auths":{"r.test":{"auth":"c2VjcmV0OnNlY3JldA=="'],
  ['an entry without a colon', { auths: { 'r.test': { auth: Buffer.from('secret').toString('base64') } } }],
] as const) {
  test(`${what} is reported without its content`, async (t) => {
    const folder = tempDir(t);
    write(join(folder, 'config.json'), content);
    await assert.rejects(
      findCredentials('r.test', 'a', { HOME: folder, DOCKER_CONFIG: folder }),
      (error: Error & { code: string }) => {
        assert.equal(error.code, 'E_CREDENTIALS');
        assert.ok(!/secret|c2Vj/.test(`${error.message}${error.stack}${(error.cause as Error | undefined)?.message}`));
        return true;
      },
    );
  });
}

/** A folder on PATH with a helper program that is a shell script, and a config that names it. */
function withHelper(t: TestContext, script: string, config: object): NodeJS.ProcessEnv {
  const folder = tempDir(t);
  const program = join(folder, 'docker-credential-test');
  writeFileSync(program, `#!/bin/sh\n${script}\n`);
  chmodSync(program, 0o755);
  return { ...loggedIn(t, {}, config), PATH: `${folder}:${process.env['PATH']}`, OUT: 'x', NODE_OPTIONS: '--bad' };
}

const answers: [string, string, Credentials | undefined | RegExp][] = [
  ['a password', `echo '{"ServerURL":"r.test","Username":"me","Secret":"p:w"}'`, me],
  ['an identity token', `echo '{"Username":"<token>","Secret":"i"}'`, { kind: 'identity', token: 'i' }],
  ['nothing known', 'echo credentials not found in native keychain; exit 1', undefined],
  [
    'an error',
    'echo "the keychain is locked"; exit 1',
    /docker-credential-test get: failed for "r\.test": the keychain is locked/,
  ],
  ['no JSON', 'echo secret', /the answer is not JSON$/],
  ['half an answer', `echo '{"Username":"me"}'`, /no Username and Secret/],
  ['too much', 'yes', /too much output/],
];
for (const [what, script, expected] of answers) {
  test(`a credential helper that answers ${what}`, async (t) => {
    const found = findCredentials('r.test', 'a', withHelper(t, script, { credsStore: 'test' }));
    if (expected instanceof RegExp) await assert.rejects(found, expected);
    else assert.deepEqual(await found, expected);
  });
}

test('a credential helper gets the server on stdin, "get", and a small environment', async (t) => {
  const file = join(tempDir(t), 'seen');
  const env = withHelper(t, `{ cat; echo; echo "$@"; env; } > ${file}; echo '{"Username":"me","Secret":"p:w"}'`, {
    credHelpers: { [hub]: 'test' },
  });
  assert.deepEqual(await findCredentials('docker.io', 'library/x', env), me);
  const seen = readFileSync(file, 'utf8');
  assert.match(seen, /^https:\/\/index\.docker\.io\/v1\/\nget\n/);
  assert.doesNotMatch(seen, /NODE_OPTIONS|^OUT=/m);
  assert.equal(await findCredentials('r.test', 'x', env), undefined);
});

for (const name of ['missing-helper-xyz', '../../bin/sh', 'a b', '']) {
  test(`a credential helper called ${JSON.stringify(name)}`, async (t) => {
    const found = findCredentials('r.test', 'a', loggedIn(t, {}, { credsStore: name }));
    if (name === '') assert.equal(await found, undefined);
    else await assert.rejects(found, { code: 'E_CREDENTIALS' });
  });
}
