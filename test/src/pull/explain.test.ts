import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { explain } from '../../../src/pull/explain.js';
import { cli } from '../../support/cli.js';
import { configDir, hostsToml } from '../../support/config-files.js';
import { listenFor } from '../../support/listener.js';
import { loggedIn, userEntry } from '../../support/logins.js';
import { tempDir } from '../../support/temp.js';

const toml = `server = "https://r.test:5000"

[host."http://127.0.0.1:PORT/cache"]
  capabilities = ["pull"]
  dial_timeout = "200ms"
[host."http://127.0.0.1:PORT/cache".header]
  x-token = "header-secret"

[host."https://mirror.test"]
  ca = "m.crt"
  client = [["c.cert", "c.key"]]
  colour = "blue"
`;

async function scene(t: TestContext) {
  const listener = await listenFor(t);
  const port = listener.host.split(':')[1] ?? '';
  const etc = configDir(t, {
    [hostsToml('r.test:5000')]: toml.replaceAll('PORT', port),
    'docker/certs.d/r.test:5000/ca.crt': '',
  });
  const env: NodeJS.ProcessEnv = {
    ...loggedIn(
      t,
      { 'mirror.test': userEntry('m', 'mirror-secret'), [listener.host]: { identitytoken: 'token-secret' } },
      { credHelpers: { 'r.test:5000': 'never-started' } },
    ),
    TSPULL_CONFIG_DIR: etc,
    https_proxy: 'http://u:proxy-secret@proxy.test:3128',
  };
  return { listener, port, etc, env, file: join(etc, hostsToml('r.test:5000')) };
}

test('--explain: each endpoint, and where it comes from; nothing is sent, no secret is shown', async (t) => {
  const { listener, port, etc, env, file } = await scene(t);
  const { status, stdout, stderr } = await cli('tspull', '/nonexistent', ['--explain', 'r.test:5000/x'], { env });
  assert.equal(status, 0, stderr);
  const login = env['DOCKER_CONFIG'];
  assert.equal(
    stdout,
    `r.test:5000/x:latest
  1. http://127.0.0.1:${port}/cache/v2/
     from     ${file}:3  [host."http://127.0.0.1:${port}/cache"]
     for      content by digest
     as       x, ns=r.test:5000
     login    token, entry 127.0.0.1:${port} in ${login}/config.json
     tls      none, plain http
     headers  x-token
     connects within 0.2 s
  2. https://mirror.test/v2/
     from     ${file}:9  [host."https://mirror.test"]
     for      what a tag stands for, content by digest
     as       x, ns=r.test:5000
     login    user m, entry mirror.test in ${login}/config.json
     tls      certificates are verified; authorities also in ${etc}/containerd/certs.d/r.test_5000_/m.crt; client certificate ${etc}/containerd/certs.d/r.test_5000_/c.cert
     proxy    proxy.test:3128
  3. https://r.test:5000/v2/
     from     ${file}:1  server
     for      what a tag stands for, content by digest
     as       x
     login    docker-credential-never-started is asked about r.test:5000, as ${login}/config.json says
     tls      certificates are verified; more in ${etc}/docker/certs.d/r.test:5000
     proxy    proxy.test:3128
note: "${file}", line 12: "colour" is not known and has no effect
`,
  );
  assert.doesNotMatch(stdout, /secret/);
  assert.equal(listener.connections(), 0);
});

test('--explain --json: the object of the library', async (t) => {
  const { listener, env, etc, file } = await scene(t);
  const { status, stdout } = await cli('tspull', '/nonexistent', ['--explain', '--json', 'r.test:5000/x:1'], { env });
  assert.equal(status, 0);
  assert.doesNotMatch(stdout, /secret/);
  const shown = JSON.parse(stdout);
  const found = await explain('r.test:5000/x:1', { configDir: etc });
  assert.equal(shown.reference, 'r.test:5000/x:1');
  assert.deepEqual(
    shown.endpoints.map((endpoint: { urls: string[] }) => endpoint.urls),
    found.endpoints.map(({ urls }) => urls),
  );
  assert.deepEqual(shown.endpoints[0].from, found.endpoints[0]?.from);
  assert.deepEqual(found.endpoints[2]?.from, { file, line: 1, section: 'server' });
  assert.equal(listener.connections(), 0);
});

test('--explain: nothing configured', async () => {
  const { endpoints, notes } = await explain('ubuntu', {
    configDir: '/nonexistent',
    mirrors: ['docker.io=http://m.test'],
  });
  assert.deepEqual(
    endpoints.map(({ urls, ns, from }) => [urls, ns, from.section]),
    [
      [['http://m.test/v2/'], 'docker.io', '--mirror'],
      [['https://registry-1.docker.io/v2/'], null, 'the name'],
    ],
  );
  assert.deepEqual(notes, []);
});

/** Arguments, and what is said. */
const refusals: [string[], RegExp][] = [
  [['blocked.test/x'], /^tspull: pulling blocked\.test\/x is blocked by ".*registries\.conf", line 1\n {2}hint: /],
  [['--mirror', 'ftp://x', 'r.test/x'], /^tspull: "ftp:\/\/x" is no URL of a mirror\n {2}hint: /],
  [['--short-names', 'containers', 'x'], /^tspull: the short name "x" may mean 2 registries\n {2}hint: .*a\.test\/x/],
];
for (const [args, message] of refusals)
  for (const mode of [['--explain'], []])
    test(`tspull ${[...mode, ...args].join(' ')}: said, and nothing is asked`, async (t) => {
      const etc = configDir(t, {
        'containers/registries.conf': '[[registry]]\nlocation = "blocked.test"\nblocked = true\n',
        'containers/registries.conf.d/a.conf': 'unqualified-search-registries = ["a.test", "b.test"]',
      });
      const env = { TSPULL_CONFIG_DIR: etc, HOME: tempDir(t) };
      const { status, stderr } = await cli('tspull', join(tempDir(t), 'root'), [...mode, ...args], { env });
      assert.equal(status, 1);
      assert.match(stderr, message);
    });

test('a name that hides its file from a terminal', async (t) => {
  const etc = configDir(t, { [hostsToml('r.test')]: '' });
  writeFileSync(join(etc, hostsToml('r.test')), '[host."https://m.test"]\n"\\u001b[31mred" = 1\n');
  const { stdout } = await cli('tspull', '/nonexistent', ['--explain', 'r.test/x'], {
    env: { TSPULL_CONFIG_DIR: etc },
  });
  assert.match(stdout, /\\x1b\[31mred/);
  assert.ok(!stdout.includes('\u001b'));
});

test('a source that is no registry has no endpoints, and docker:// is one', async (t) => {
  const { reference } = await explain('docker://oci:1', { configDir: tempDir(t) });
  assert.equal(reference, 'docker.io/library/oci:1');
  await assert.rejects(explain('docker-archive:a.tar'), { code: 'E_USAGE', message: /is not in a registry/ });
});
