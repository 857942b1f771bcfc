/** What a login leaves of a file that holds more than logins. */
import assert from 'node:assert/strict';
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { loginServer } from '../../../src/login/server-name.js';
import { eraseLogin, storeLogin } from '../../../src/login/stored-logins.js';
import { KnownError } from '../../../store/errors.js';
import { tempDir } from '../../support/temp.js';

const login = { server: 'a.test:5000', username: 'joe', password: 'secret' };
const entry = { auth: Buffer.from('joe:secret').toString('base64') };

function home(t: TestContext, content?: string) {
  const folder = tempDir(t);
  const path = join(folder, 'config.json');
  if (content !== undefined) writeFileSync(path, content, { mode: 0o644 });
  return { folder, path, env: { DOCKER_CONFIG: folder, PATH: process.env['PATH'] } };
}

test('other fields stay, in their order, and the file becomes private', async (t) => {
  const before =
    '{"zeta":1,"auths":{"b.test":{"auth":"eDp5","email":"q"}},"HttpHeaders":{"x":"y"},"alpha":[1,{"b":2,"a":1}]}';
  const { path, env, folder } = home(t, before);
  assert.equal(await storeLogin(login, { env }), path);
  const expected = JSON.parse(before);
  expected.auths['a.test:5000'] = entry;
  assert.equal(readFileSync(path, 'utf8'), JSON.stringify(expected, null, '\t'));
  assert.equal(statSync(path).mode & 0o777, 0o600);
  assert.equal(await storeLogin(login, { env }), undefined, 'nothing new');
  await eraseLogin('a.test:5000', { env });
  assert.deepEqual(JSON.parse(readFileSync(path, 'utf8')), JSON.parse(before));
  assert.deepEqual(readdirSync(folder), ['config.json']);
});

test('a file that is missing, empty, a link, or in a folder that is missing', async (t) => {
  for (const content of [undefined, '', ' \n']) {
    const { path, env } = home(t, content);
    await storeLogin(login, { env });
    assert.deepEqual(JSON.parse(readFileSync(path, 'utf8')), { auths: { 'a.test:5000': entry } });
  }
  const { folder } = home(t);
  const env = { DOCKER_CONFIG: join(folder, 'new/config') };
  await storeLogin(login, { env });
  assert.equal(statSync(join(folder, 'new/config')).mode & 0o777, 0o700);
  mkdirSync(join(folder, 'linked'));
  writeFileSync(join(folder, 'settings.json'), '{"psFormat":"x"}');
  symlinkSync('../settings.json', join(folder, 'linked/config.json'));
  await storeLogin(login, { env: { DOCKER_CONFIG: join(folder, 'linked') } });
  assert.ok(lstatSync(join(folder, 'linked/config.json')).isSymbolicLink());
  assert.deepEqual(Object.keys(JSON.parse(readFileSync(join(folder, 'settings.json'), 'utf8'))), ['psFormat', 'auths']);
});

test('a file that cannot be understood is left as it is, and not quoted', async (t) => {
  for (const content of ['{"auths": {"x": {"auth": "c2VjcmV0', '[]', '"secret"']) {
    const { path, env } = home(t, content);
    await assert.rejects(storeLogin(login, { env }), (error) => {
      assert.ok(error instanceof KnownError && error.code === 'E_CREDENTIALS');
      assert.doesNotMatch(error.message, /c2Vj|secret/);
      return true;
    });
    assert.equal(readFileSync(path, 'utf8'), content);
  }
});

test('ten logins at once are all kept', async (t) => {
  const { path, env } = home(t, '{"auths":{}}');
  const servers = [...Array(10).keys()].map((n) => `s${n}.test`);
  await Promise.all(servers.map((server) => storeLogin({ ...login, server }, { env })));
  assert.deepEqual(Object.keys(JSON.parse(readFileSync(path, 'utf8')).auths).sort(), servers);
});

test('a helper that fails is told about without the password', async (t) => {
  const { folder, env } = home(t, '{"credsStore":"bad"}');
  const helper = join(folder, 'docker-credential-bad');
  writeFileSync(helper, '#!/bin/sh\ncat\necho "$@"\nexit 1\n');
  chmodSync(helper, 0o755);
  const path = { ...env, PATH: `${folder}:${process.env['PATH']}` };
  await assert.rejects(storeLogin(login, { env: path }), (error) => {
    assert.ok(error instanceof KnownError && error.code === 'E_CREDENTIALS');
    assert.match(error.message, /^docker-credential-bad store: failed for "a.test:5000": .*\*\*\*/);
    assert.doesNotMatch(error.message, /secret/);
    return true;
  });
  assert.equal((await eraseLogin('a.test:5000', { env: path })).length, 3);
  assert.equal(readFileSync(join(folder, 'config.json'), 'utf8'), '{"credsStore":"bad"}');
});

test('names of servers', () => {
  const hub = { key: 'https://index.docker.io/v1/', domain: 'docker.io' };
  for (const name of [undefined, '', 'docker.io', 'index.docker.io', 'https://index.docker.io/v1/'])
    assert.deepEqual(loginServer(name), hub);
  for (const name of ['a.test:5000', 'https://a.test:5000/v2/', 'http://a.test:5000'])
    assert.deepEqual(loginServer(name), { key: 'a.test:5000', domain: 'a.test:5000' });
  for (const name of ['a b', 'user:x@a.test', '../x', 'a.test:port'])
    assert.throws(
      () => loginServer(name),
      (error) => error instanceof KnownError && error.code === 'E_USAGE',
    );
});
