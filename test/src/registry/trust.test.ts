/** Whom we trust, beside a Go program (skopeo) that has the same environment. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, type TestContext, test } from 'node:test';
import { promisify } from 'node:util';
import {
  type Authority,
  type KeyPair,
  makeAuthority,
  makeCertificate,
} from '../../../fixtures/registry/certificates.js';
import { digestOf } from '../../../store/oci/digest.js';
import { patient } from '../../support/mirrored.js';
import { missing } from '../../support/needs.js';
import { startProxy } from '../../support/proxy.js';
import { clientFor, fetchLayer, opaqueImage, serve } from '../../support/registry.js';
import { tempDir } from '../../support/temp.js';

/** Reading the authorities of a system takes its time on a busy machine. */
const patientClient: typeof clientFor = (t, name, options) => clientFor(t, name, { ...options, timeouts: patient });

const skip = missing('openssl');
const names = ['IP:127.0.0.1', 'DNS:localhost', 'DNS:registry.test'];
const home = { HOME: '/nonexistent' };

interface Authorities {
  ours: Authority;
  other: Authority;
  server: KeyPair;
}

let made: Authorities | undefined;

/** Made once, and before anything waits: the program that makes them holds this thread up. */
function authorities(): Authorities {
  if (made === undefined) throw new Error('the authorities are made before the tests');
  return made;
}

async function scene(t: TestContext) {
  const { ours: authority, server: tls } = authorities();
  const image = opaqueImage(700_000);
  const registry = await serve(t, { image, tls });
  return { authority, image, registry };
}

/** what, the two variables for an authority that signed and one that did not, whether that is enough */
const environments: [
  what: string,
  environment: (ours: Authority, other: Authority) => NodeJS.ProcessEnv,
  enough: boolean,
][] = [
  ['nothing', () => ({}), false],
  ['the file', (ours) => ({ SSL_CERT_FILE: ours.caFile }), true],
  ['another file', (_ours, other) => ({ SSL_CERT_FILE: other.caFile }), false],
  ['a file that is not there', () => ({ SSL_CERT_FILE: '/nonexistent/ca' }), false],
  ['a folder', (ours) => ({ SSL_CERT_DIR: ours.folder }), true],
  ['the second of two folders', (ours, other) => ({ SSL_CERT_DIR: `${other.folder}:${ours.folder}` }), true],
  ['another file and the folder', (ours, other) => ({ SSL_CERT_FILE: other.caFile, SSL_CERT_DIR: ours.folder }), true],
  ['a missing file and the folder', (ours) => ({ SSL_CERT_FILE: '/nonexistent/ca', SSL_CERT_DIR: ours.folder }), true],
  ['a folder that is not there', () => ({ SSL_CERT_DIR: '/nonexistent' }), false],
  ['empty variables', () => ({ SSL_CERT_FILE: '', SSL_CERT_DIR: '' }), false],
  ['both missing', () => ({ SSL_CERT_FILE: '/nonexistent/ca', SSL_CERT_DIR: '/nonexistent' }), false],
];

describe('authorities of the system', { concurrency: 4, skip }, () => {
  before(() => {
    const folders = [1, 2].map(() => mkdtempSync(join(tmpdir(), 'tspull-test-')));
    const [ours, other] = folders.map((folder, at) => makeAuthority(folder, `authority ${at}`));
    assert.ok(ours && other);
    made = { ours, other, server: makeCertificate(ours, 'server', names) };
  });
  after(() => {
    for (const { folder } of made === undefined ? [] : [made.ours, made.other]) rmSync(folder, { recursive: true });
  });

  for (const [what, environment, enough] of environments)
    test(`in the environment: ${what}`, async (t) => {
      const { authority, image, registry } = await scene(t);
      const env = { ...home, ...environment(authority, authorities().other) };
      const client = patientClient(t, registry.host, { env });
      if (enough) assert.deepEqual((await fetchLayer(client, image)).bytes, image.layers[0]);
      else await assert.rejects(client.getManifest('1'), { code: 'E_TLS' });
      if (missing('skopeo')) return;
      assert.equal(await skopeoTrusts(registry.host, env, tempDir(t)), enough);
    });

  test('an authority of the same name with another key is not taken for it', async (t) => {
    const { authority, image, registry } = await scene(t);
    const twin = makeAuthority(tempDir(t), 'authority 0');
    const certsDir = tempDir(t);
    mkdirSync(`${certsDir}/${registry.host}`);
    copyFileSync(twin.caFile, `${certsDir}/${registry.host}/ca.crt`);
    await assert.rejects(patientClient(t, registry.host, { certsDir }).getManifest('1'), { code: 'E_TLS' });
    // The right one is among the system's, which are tried after those of the host.
    const client = patientClient(t, registry.host, { certsDir, env: { ...home, SSL_CERT_FILE: authority.caFile } });
    assert.deepEqual((await fetchLayer(client, image)).bytes, image.layers[0]);
  });

  test('for a registry elsewhere, through a proxy', async (t) => {
    const { authority, image, registry } = await scene(t);
    const proxy = await startProxy(t, registry.port);
    const env = { ...home, HTTPS_PROXY: proxy.url };
    const trusting = patientClient(t, 'registry.test', { env: { ...env, SSL_CERT_FILE: authority.caFile } });
    assert.deepEqual((await fetchLayer(trusting, image)).bytes, image.layers[0]);
    await assert.rejects(patientClient(t, 'registry.test', { env }).getManifest('1'), {
      code: 'E_TLS',
      message: /the certificate of registry\.test cannot be verified/,
      hint: /add its authority to those of this system, name it with --ca, or put it into \/etc\/docker\/certs\.d\/registry\.test\/ca\.crt/,
    });
    const nowhere = { SSL_CERT_FILE: '/nonexistent/ca', SSL_CERT_DIR: '/nonexistent' };
    await assert.rejects(patientClient(t, 'registry.test', { env: { ...env, ...nowhere } }).getManifest('1'), {
      code: 'E_TLS',
      message: 'no certificate of an authority can be read in "/nonexistent/ca"',
    });
  });

  test('are not looked for where plain http is spoken to this machine', async (t) => {
    const image = opaqueImage();
    const registry = await serve(t, { image });
    const env = { ...home, SSL_CERT_FILE: '/nonexistent/ca', SSL_CERT_DIR: '/nonexistent' };
    assert.deepEqual((await fetchLayer(patientClient(t, registry.host, { env }), image)).bytes, image.layers[0]);
  });

  test('another thread is told the one that was enough, and nothing that only this host may use', async (t) => {
    const { authority, registry } = await scene(t);
    const proxy = await startProxy(t, registry.port);
    const env = { ...home, HTTPS_PROXY: proxy.url };
    const known = async (options: Parameters<typeof clientFor>[2]) => {
      const client = patientClient(t, 'registry.test', options);
      await client.getManifest('1');
      return (await client.blobTarget(digestOf('x'))).endpoints[0]?.transport.knownAuthorities.length;
    };
    assert.equal(await known({ env: { ...env, SSL_CERT_FILE: authority.caFile } }), 1);
    assert.equal(await known({ env, caFiles: [authority.caFile] }), 0);
    const certsDir = tempDir(t);
    mkdirSync(`${certsDir}/registry.test`);
    copyFileSync(authority.caFile, `${certsDir}/registry.test/ca.crt`);
    assert.equal(await known({ env, certsDir }), 0);
  });

  test('many connections that meet an unknown authority at once', async (t) => {
    const { authority, registry } = await scene(t);
    const client = patientClient(t, registry.host, { env: { ...home, SSL_CERT_FILE: authority.caFile } });
    const answers = await Promise.all(Array.from({ length: 12 }, () => client.getManifest('1')));
    assert.equal(answers.length, 12);
  });

  test('an authority file without a certificate', async (t) => {
    const file = `${tempDir(t)}/ca.der`;
    writeFileSync(file, Buffer.from('3082', 'hex'));
    await assert.rejects(patientClient(t, '127.0.0.1:1', { caFiles: [file] }).getManifest('1'), {
      code: 'E_TLS',
      message: `the certificate file "${file}" holds no certificate`,
      hint: /PEM/,
    });
  });
});

async function skopeoTrusts(host: string, env: NodeJS.ProcessEnv, folder: string): Promise<boolean> {
  writeFileSync(`${folder}/policy.json`, '{"default":[{"type":"insecureAcceptAnything"}]}');
  const flags = [
    '--policy',
    `${folder}/policy.json`,
    '--registries.d',
    folder,
    'inspect',
    '--raw',
    '--tls-verify=true',
  ];
  return promisify(execFile)('skopeo', [...flags, `docker://${host}/lib/x:1`], {
    env: { PATH: process.env['PATH'], ...env },
  }).then(
    () => true,
    (error: { stderr?: string }) => {
      assert.match(error.stderr ?? '', /x509|certificate/);
      return false;
    },
  );
}
