/** Certificates where administrators put them, with the registry that Debian ships, which is a Go program. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type Authority, type KeyPair, makeAuthority, makeCertificate } from '../../fixtures/registry/certificates.js';
import { buildImage } from '../../fixtures/registry/image.js';
import { bundledProgram } from '../support/cli.js';
import { missing } from '../support/needs.js';
import { type EtcFile, runWithEtc } from '../support/private-etc.js';
import { startDockerRegistry } from '../support/real-registry.js';
import { checkStore } from '../support/store-state.js';
import { file, tar } from '../support/tar-builder.js';
import { tempDir } from '../support/temp.js';

const skip = missing('root', 'openssl', 'docker-registry', 'unshare');
const bundle = '/etc/ssl/certs/ca-certificates.crt';

/** The same images by TLS to everyone, and to those with a certificate of ours. */
async function scene(t: TestContext) {
  const authority = makeAuthority(tempDir(t));
  const server = makeCertificate(authority, 'server', ['IP:127.0.0.1']);
  const registry = await startDockerRegistry(t);
  // Large enough for worker threads, which open connections of their own.
  const layers = [1, 2, 3].map((i) => tar(file(`f${i}`, '', { content: randomBytes(700_000) })));
  await registry.push('lib/x', '1', buildImage({ layers }));
  const files = { certificate: server.certFile, key: server.keyFile };
  const open = await registry.serveTls(files);
  const mutual = await registry.serveTls({ ...files, clientAuthorities: authority.caFile });
  const env: NodeJS.ProcessEnv = { PATH: process.env['PATH'], HOME: tempDir(t) };
  const pull = async (host: string, etc: Record<string, EtcFile>, more: NodeJS.ProcessEnv = {}) => {
    const root = join(tempDir(t), 'root');
    const command = [process.execPath, bundledProgram('tspull'), '--root', root, '-q', `${host}/lib/x:1`];
    const result = await runWithEtc(t, etc, command, { env: { ...env, ...more } });
    return { ...result, root };
  };
  return { authority, open, mutual, pull };
}

const extended = ({ caFile }: Authority): string => readFileSync(bundle, 'utf8') + readFileSync(caFile, 'utf8');
const client = ({ certFile, keyFile }: KeyPair, folder: string): Record<string, EtcFile> => ({
  [`${folder}/client.cert`]: { copyOf: certFile },
  [`${folder}/client.key`]: { copyOf: keyFile },
});

test('authorities of the system', { skip }, async (t) => {
  const { authority, open, pull } = await scene(t);
  const good: [string, Record<string, EtcFile>, NodeJS.ProcessEnv?][] = [
    ['in the bundle', { 'ssl/certs/ca-certificates.crt': extended(authority) }],
    ['as a loose file', { 'ssl/certs/ours.pem': { copyOf: authority.caFile } }],
    [
      'in the bundle of another distribution',
      { ssl: undefined, 'pki/tls/certs/ca-bundle.crt': { copyOf: authority.caFile } },
    ],
    [
      'in a folder, beside an empty bundle',
      { 'ssl/certs/ca-certificates.crt': '', 'pki/tls/certs/x': { copyOf: authority.caFile } },
    ],
    ["by Node's own variable where the system has none", { ssl: undefined }, { NODE_EXTRA_CA_CERTS: authority.caFile }],
    ["by Node's own variable", {}, { NODE_EXTRA_CA_CERTS: authority.caFile }],
    ['in the folder of the host', { [`docker/certs.d/${open}/ca.crt`]: { copyOf: authority.caFile } }],
  ];
  for (const [what, etc, env] of good)
    await t.test(what, async () => {
      const { status, stderr, root } = await pull(open, etc, env);
      assert.equal(stderr, '');
      assert.equal(status, 0);
      checkStore(root);
    });
  await t.test('nowhere', async () => {
    const { status, stderr } = await pull(open, {});
    assert.equal(status, 1);
    assert.match(
      stderr,
      /^tspull: [^\n]*the certificate of 127\.0\.0\.1:\d+ cannot be verified[^\n]*\n {2}hint: add its authority[^\n]*\n$/,
    );
  });
});

test('certificates of clients', { skip }, async (t) => {
  const { authority, mutual, pull } = await scene(t);
  const folder = `docker/certs.d/${mutual}`;
  const ca = { [`${folder}/ca.crt`]: { copyOf: authority.caFile } };
  const known = makeCertificate(authority, 'client', ['DNS:client']);
  const stranger = makeCertificate(makeAuthority(tempDir(t), 'elsewhere'), 'client', ['DNS:client']);
  await t.test('one that the registry knows', async () => {
    const { stderr, root } = await pull(mutual, { ...ca, ...client(known, folder) });
    assert.equal(stderr, '');
    checkStore(root);
  });
  await t.test('several, of which it knows the last', async () => {
    const two = {
      [`${folder}/a.cert`]: { copyOf: stranger.certFile },
      [`${folder}/a.key`]: { copyOf: stranger.keyFile },
    };
    const { stderr, root } = await pull(mutual, { ...ca, ...two, ...client(known, folder) });
    assert.equal(stderr, '');
    checkStore(root);
  });
  const bad: [string, Record<string, EtcFile>, RegExp][] = [
    [
      'none',
      {},
      /wants a client certificate that it knows: [^\n]*\n {2}hint: put NAME\.cert and NAME\.key into \/etc\/docker\/certs\.d\/127/,
    ],
    ['one that it does not know', client(stranger, folder), /wants a client certificate that it knows: /],
    [
      'one without its key',
      { [`${folder}/client.cert`]: { copyOf: known.certFile } },
      /missing key "client\.key" for client certificate "client\.cert" in "\/etc\/docker\/certs\.d\/127[^\n]*\n {2}hint: certificates of authorities use the extension \.crt/,
    ],
    [
      'a key without its certificate',
      { [`${folder}/client.key`]: { copyOf: known.keyFile } },
      /missing client certificate "client\.cert" for key "client\.key"/,
    ],
    [
      'one with the key of another',
      {
        [`${folder}/client.cert`]: { copyOf: known.certFile },
        [`${folder}/client.key`]: { copyOf: stranger.keyFile },
      },
      /client certificate "\/etc\/docker\/certs\.d\/[^"]*\/client\.cert" cannot be used: key values mismatch/,
    ],
    [
      'one that is none',
      { [`${folder}/client.cert`]: 'x', [`${folder}/client.key`]: 'y' },
      /cannot be used: no start line/,
    ],
  ];
  for (const [what, files, message] of bad)
    await t.test(what, async () => {
      const { status, stderr } = await pull(mutual, { ...ca, ...files });
      assert.equal(status, 1);
      assert.match(stderr, message);
      assert.ok(stderr.split('\n').length <= 3, stderr);
    });
});
