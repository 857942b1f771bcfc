/** The program in the hands of a user: Ctrl-C while a registry makes wait, and what others can see of a login. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { on, silence, slowHead, stallAfter, status } from '../../fixtures/registry/faults.js';
import type { Fault } from '../../fixtures/registry/registry.js';
import { bundledProgram, cli } from '../support/cli.js';
import { userEntry } from '../support/logins.js';
import { missing } from '../support/needs.js';
import { startProxy } from '../support/proxy.js';
import { serveImage } from '../support/serve.js';
import { checkStore } from '../support/store-state.js';
import { file, tar } from '../support/tar-builder.js';
import { tempDir } from '../support/temp.js';

const layers = [tar(file('noise', '', { content: Buffer.alloc(700_000, 'ab') }))];
const large: (fault: Fault) => Fault = (fault) => (question, answer, response) =>
  answer.body.length < 100_000 ? answer : fault(question, answer, response);

describe('Ctrl-C (R18)', { concurrency: 2, skip: missing('root') }, () => {
  const waits: [what: string, fault: Fault, url: RegExp][] = [
    ['a manifest that does not come', on(/\/manifests\//, silence), /manifests/],
    ['a head that comes slowly', on(/\/manifests\//, slowHead(50)), /manifests/],
    ['a layer that stalls', on(/\/blobs\//, large(stallAfter(200_000))), /blobs/],
    ['a layer that does not begin', on(/\/blobs\//, large(silence)), /blobs/],
    ['a minute that the registry asks for', status(429, { 'retry-after': '60' }), /manifests/],
  ];
  for (const [what, fault, url] of waits)
    test(`during ${what}`, async (t) => {
      const { registry, name } = await serveImage(t, { layers, compression: 'none', fault });
      const root = join(tempDir(t), 'root');
      const child = start(t, root, [name]);
      const count = url.source === 'blobs' ? 2 : 1;
      while (registry.requests.filter((request) => url.test(request.url)).length < count) await delay(10);
      assert.equal(await interrupt(child), 130);
      if (url.source === 'blobs') checkStore(root);
    });

  test('during the way through a proxy that says nothing', async (t) => {
    const proxy = await startProxy(t, 1, { answer: '' });
    const child = start(t, join(tempDir(t), 'root'), ['registry.test/x:1'], { HTTPS_PROXY: proxy.url });
    while (proxy.seen.length === 0) await delay(10);
    assert.equal(await interrupt(child), 130);
  });
});

function start(t: TestContext, root: string, args: string[], env: NodeJS.ProcessEnv = {}): ChildProcess {
  const child = spawn(process.execPath, [bundledProgram('tspull'), '--root', root, '-q', ...args], {
    env: { PATH: process.env['PATH'], HOME: root, ...env },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  t.after(() => void child.kill('SIGKILL'));
  return child;
}

/** Its exit status, which comes soon. */
async function interrupt(child: ChildProcess): Promise<number | null> {
  const started = performance.now();
  child.kill('SIGINT');
  const [code] = await once(child, 'exit');
  assert.ok(performance.now() - started < 2000, `${performance.now() - started} ms`);
  return code;
}

describe('a login', { concurrency: true, skip: missing('root') }, () => {
  const secret = 'correct-horse-battery';
  const encoded = Buffer.from(`me:${secret}`).toString('base64');

  for (const kind of ['basic', 'bearer'] as const)
    for (const flags of [[], ['--json'], ['-q']])
      test(`that is refused, ${kind}, ${flags.join()}: nothing of it is shown (R35)`, async (t) => {
        const { registry, name } = await serveImage(t, {
          layers,
          auth: { kind, user: 'me', password: 'another' },
          // A server that repeats what it was sent.
          fault: (question, answer) => ({
            ...answer,
            body: Buffer.concat([answer.body, Buffer.from(String(question.headers['authorization']))]),
          }),
        });
        const folder = tempDir(t);
        const auths = { [registry.host]: userEntry('me', secret) };
        writeFileSync(`${folder}/config.json`, JSON.stringify({ auths }));
        const root = join(folder, 'root');
        const {
          status: code,
          stdout,
          stderr,
        } = await cli('tspull', root, [...flags, name], {
          env: { DOCKER_CONFIG: folder },
        });
        assert.equal(code, 1);
        for (const text of [secret, encoded]) assert.ok(!`${stdout}${stderr}`.includes(text), `${stdout}${stderr}`);
        assert.ok(registry.requests.some(({ headers }) => headers.authorization?.endsWith(encoded)));
      });

  test('is in no command line, also not of a credential helper (R35)', async (t) => {
    const { registry, name } = await serveImage(t, {
      layers,
      auth: { kind: 'bearer', user: 'me', password: secret },
      fault: on(/\/blobs\//, large(stallAfter(1000))),
    });
    const folder = tempDir(t);
    writeFileSync(`${folder}/config.json`, JSON.stringify({ credHelpers: { [registry.host]: 'test' } }));
    const answer = JSON.stringify({ Username: 'me', Secret: secret });
    writeFileSync(
      `${folder}/docker-credential-test`,
      `#!/bin/sh\ncat >"${folder}/asked"\ntr '\\0' '\\n' <"/proc/$PPID/cmdline" >"${folder}/line"\necho "$@" >>"${folder}/line"\necho '${answer}'\n`,
      { mode: 0o755 },
    );
    const root = join(folder, 'root');
    const env = { DOCKER_CONFIG: folder, PATH: `${folder}:${process.env['PATH']}` };
    const child = start(t, root, [name], env);
    while (registry.requests.filter(({ url }) => url.includes('/blobs/')).length < 2) await delay(10);
    const lines = readFileSync(`/proc/${child.pid}/cmdline`, 'latin1') + readFileSync(`${folder}/line`, 'latin1');
    assert.match(lines, /tspull/);
    for (const text of [secret, encoded, 'token-1']) assert.ok(!lines.includes(text), lines);
    await interrupt(child);
  });
});
