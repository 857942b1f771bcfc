import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PlannedEndpoint } from '../../../../src/registry/endpoint-plan.js';
import { planEndpoints } from '../../../../src/registry/mirrors/plan-endpoints.js';
import { configDir, hostsToml, placesIn } from '../../../support/config-files.js';

const hub = { domain: 'docker.io', path: 'library/x', byDigest: false };

async function planFor(t: import('node:test').TestContext, text: string, domain = 'docker.io', more = {}) {
  const folder = configDir(t, { [hostsToml(domain)]: text });
  const options = { mirrors: [], places: placesIn(folder), insecure: false, ...more };
  return { folder, ...(await planEndpoints({ ...hub, domain }, options)) };
}

/** What the file says, and what one endpoint then has. */
const fields: [what: string, text: string, index: number, expected: Partial<PlannedEndpoint>][] = [
  [
    'a mirror with nothing said',
    '[host."https://m.test"]',
    0,
    {
      bases: ['https://m.test/v2/'],
      path: 'library/x',
      domain: 'm.test',
      namespace: 'docker.io',
      resolves: true,
      pulls: true,
      skipVerify: false,
      caFiles: [],
      clientCertificates: [],
      headers: {},
      connectMs: undefined,
    },
  ],
  ['no scheme', '[host."m.test:5000"]', 0, { bases: ['https://m.test:5000/v2/'] }],
  ['plain http', '[host."http://m.test"]', 0, { bases: ['http://m.test/v2/'], domain: 'm.test:80' }],
  [
    'plain http on a port',
    '[host."http://m.test:5000"]',
    0,
    { bases: ['http://m.test:5000/v2/'], domain: 'm.test:5000' },
  ],
  [
    'plain http with TLS settings: TLS first',
    '[host."http://m.test:5000"]\nskip_verify = true',
    0,
    { bases: ['https://m.test:5000/v2/', 'http://m.test:5000/v2/'], skipVerify: true },
  ],
  ['a path', '[host."https://m.test/a//b/"]', 0, { bases: ['https://m.test/a/b/v2/'] }],
  ['a path with v2', '[host."https://m.test/v2/"]', 0, { bases: ['https://m.test/v2/'] }],
  ['override_path', '[host."https://m.test/a/b"]\noverride_path = true', 0, { bases: ['https://m.test/a/b/'] }],
  ['override_path without a path', '[host."https://m.test"]\noverride_path = true', 0, { bases: ['https://m.test/'] }],
  ['pull only', '[host."m.test"]\ncapabilities = ["pull"]', 0, { resolves: false, pulls: true }],
  ['resolve only', '[host."m.test"]\ncapabilities = ["Resolve", "push"]', 0, { resolves: true, pulls: false }],
  ['no capability', '[host."m.test"]\ncapabilities = []', 0, { resolves: true, pulls: true }],
  ['one authority', '[host."m.test"]\nca = "/a.crt"', 0, { caFiles: ['/a.crt'] }],
  ['several authorities', '[host."m.test"]\nca = ["/a.crt", "/b.crt"]', 0, { caFiles: ['/a.crt', '/b.crt'] }],
  ['a client', '[host."m.test"]\nclient = "/a.pem"', 0, { clientCertificates: [{ cert: '/a.pem', key: undefined }] }],
  [
    'clients',
    '[host."m.test"]\nclient = ["/a.pem", "/b.pem"]',
    0,
    {
      clientCertificates: [
        { cert: '/a.pem', key: undefined },
        { cert: '/b.pem', key: undefined },
      ],
    },
  ],
  [
    'pairs of client files',
    '[host."m.test"]\nclient = [["/a.cert", "/a.key"], ["/b.pem", ""]]',
    0,
    {
      clientCertificates: [
        { cert: '/a.cert', key: '/a.key' },
        { cert: '/b.pem', key: undefined },
      ],
    },
  ],
  [
    'headers',
    '[host."m.test"]\n[host."m.test".header]\nX-One = "1"\nx-two = ["a", "b"]',
    0,
    { headers: { 'x-one': ['1'], 'x-two': ['a', 'b'] } },
  ],
  ['proxy', '[host."m.test"]\nproxy = "http://p.test:3128"', 0, { proxy: 'http://p.test:3128' }],
  ['dial_timeout', '[host."m.test"]\ndial_timeout = "1.5s"', 0, { connectMs: 1500 }],
  [
    'no server: the registry itself comes last',
    '[host."m.test"]',
    1,
    { bases: ['https://registry-1.docker.io/v2/'], domain: 'docker.io', namespace: undefined, resolves: true },
  ],
  [
    'the settings at the top are for the registry itself',
    'skip_verify = true\nca = "/a.crt"\ncapabilities = ["push"]',
    0,
    { bases: ['https://registry-1.docker.io/v2/'], skipVerify: true, caFiles: ['/a.crt'], resolves: true, pulls: true },
  ],
  [
    'server as the registry calls itself',
    'server = "https://registry-1.docker.io"',
    0,
    { bases: ['https://registry-1.docker.io/v2/'], domain: 'docker.io', namespace: undefined },
  ],
  [
    'server docker.io, where no API is',
    'server = "https://docker.io"',
    0,
    { bases: ['https://registry-1.docker.io/v2/'], domain: 'docker.io', namespace: undefined },
  ],
  [
    'another server instead of the registry',
    'server = "https://s.test"\ncapabilities = ["pull", "resolve"]',
    0,
    { bases: ['https://s.test/v2/'], domain: 's.test', namespace: 'docker.io' },
  ],
];
for (const [what, text, index, expected] of fields)
  test(`hosts.toml: ${what}`, async (t) => {
    const { endpoints } = await planFor(t, text);
    assert.equal(index, text.includes('[host') ? (index === 0 ? 0 : endpoints.length - 1) : endpoints.length - 1);
    const found: Partial<Record<string, unknown>> = { ...endpoints[index] };
    const named = Object.fromEntries(Object.keys(expected).map((key) => [key, found[key]]));
    assert.deepEqual(named, expected);
  });

test('hosts.toml: the order is that of the file', async (t) => {
  const names = ['zz.test', 'a.test', 'm.test:1', '10.0.0.1', 'b.test'];
  const text = names.map((name) => `[host."https://${name}"]\ncapabilities = ["pull"]\n`).join('\n');
  const { endpoints } = await planFor(t, text);
  assert.deepEqual(
    endpoints.map(({ domain }) => domain),
    [...names, 'docker.io'],
  );
});

test('hosts.toml: paths are relative to the file', async (t) => {
  const { folder, endpoints } = await planFor(t, '[host."m.test"]\nca = "m.crt"\nclient = [["c.cert", "c.key"]]');
  const dir = `${folder}/containerd/certs.d/docker.io`;
  assert.deepEqual(endpoints[0]?.caFiles, [`${dir}/m.crt`]);
  assert.deepEqual(endpoints[0]?.clientCertificates, [{ cert: `${dir}/c.cert`, key: `${dir}/c.key` }]);
});

test('hosts.toml: the registry itself as a host is asked once', async (t) => {
  const text =
    'server = "https://docker.io"\n[host."https://registry-1.docker.io"]\ncapabilities = ["pull", "resolve"]\n';
  const { endpoints } = await planFor(t, text);
  assert.deepEqual(
    endpoints.map(({ bases }) => bases),
    [['https://registry-1.docker.io/v2/']],
  );
});

test('hosts.toml: what the user says about the registry holds for the server, too', async (t) => {
  const { endpoints } = await planFor(t, 'server = "https://r.test:5000"', 'r.test:5000', { insecure: true });
  assert.deepEqual(endpoints[0]?.bases, ['https://r.test:5000/v2/', 'http://r.test:5000/v2/']);
  assert.equal(endpoints[0]?.skipVerify, true);
});

/** The folders that are there, the registry, the folder that counts. */
const folders: [string[], string, string | undefined][] = [
  [['r.test'], 'r.test', 'r.test'],
  [['r.test_5000_', 'r.test:5000', '_default'], 'r.test:5000', 'r.test_5000_'],
  [['r.test:5000', '_default'], 'r.test:5000', 'r.test:5000'],
  [['r.test', '_default'], 'r.test:5000', '_default'],
  [['r.test_5000_'], 'r.test', undefined],
  [['_default'], 'docker.io', '_default'],
  [['[::1]_5000_'], '[::1]:5000', '[::1]_5000_'],
  [['registry-1.docker.io', 'index.docker.io'], 'docker.io', undefined],
  [[], 'docker.io', undefined],
];
for (const [there, domain, chosen] of folders)
  test(`the folder for ${domain} among ${there.join(' ') || 'none'}`, async (t) => {
    const files = there.map((name, index): [string, string] => [
      `containerd/certs.d/${name}/hosts.toml`,
      `[host."https://m${index}.test"]`,
    ]);
    const options = { mirrors: [], places: placesIn(configDir(t, Object.fromEntries(files))), insecure: false };
    const { endpoints } = await planEndpoints({ ...hub, domain }, options);
    assert.equal(endpoints[0]?.domain, chosen === undefined ? domain : `m${there.indexOf(chosen)}.test`);
    assert.equal(endpoints.at(-1)?.domain, domain);
  });

test('a folder with certificates only is about the registry itself', async (t) => {
  const folder = configDir(t, {
    'containerd/certs.d/r.test/a.crt': '',
    'containerd/certs.d/r.test/c.cert': '',
    'containerd/certs.d/r.test/c.key': '',
    'containers/registries.conf': '[[registry]]\nlocation = "r.test"\n[[registry.mirror]]\nlocation = "m.test"\n',
  });
  const options = { mirrors: [], places: placesIn(folder), insecure: false };
  const { endpoints } = await planEndpoints({ ...hub, domain: 'r.test' }, options);
  const dir = `${folder}/containerd/certs.d/r.test`;
  assert.deepEqual(
    endpoints.map(({ domain, caFiles }) => [domain, caFiles]),
    [
      ['m.test', []],
      ['r.test', [`${dir}/a.crt`]],
    ],
  );
  assert.deepEqual(endpoints[1]?.clientCertificates, [{ cert: `${dir}/c.cert`, key: `${dir}/c.key` }]);
});

/** What is wrong, the line, and the message. */
const malformed: [text: string, line: number, message: RegExp][] = [
  ['server = "https://s.test"\n[host."m.test"\n', 2, /not TOML: /],
  ['\n\nserver = https://s.test', 3, /not TOML: /],
  ['server = 5', 1, /"server" is no string/],
  ['server = "ftp://s.test"', 1, /neither http nor https/],
  ['# c\n[host."https://me:hunter2@m.test"]', 2, /has a user or password/],
  ['[host."https://m.test/?x=hunter2"]', 1, /has a query/],
  ['[host."https://m test/"]', 1, /cannot be parsed/],
  ['[host."m.test"]\ncapabilities = ["pull", "hunter2"]', 2, /capabilities are "pull", "resolve" and "push"/],
  ['[host."m.test"]\n\ncapabilities = "pull"', 3, /"capabilities" is no list of strings/],
  ['[host."m.test"]\nca = 1', 2, /"ca" is no string or list/],
  ['[host."m.test"]\nclient = [["a", "b", "c"]]', 2, /"client" is a path/],
  ['[host."m.test"]\nclient = [1]', 2, /"client" is a path/],
  ['[host."m.test"]\nskip_verify = "yes"', 2, /"skip_verify" is no true or false/],
  ['[host."m.test"]\noverride_path = 1', 2, /"override_path" is no true or false/],
  ['[host."m.test"]\nproxy = "socks5://me:hunter2@p.test"', 2, /"proxy" is no http/],
  ['[host."m.test"]\ndial_timeout = "soon"', 2, /"dial_timeout" is no duration/],
  ['[host."m.test".header]\nx = 1', 2, /"x" is no string or list/],
  ['[host."m.test".header]\nx = "hunter2\\r\\ny: z"', 2, /a header that HTTP does not allow/],
  ['[host."m.test".header]\n"x y" = "hunter2"', 2, /a header that HTTP does not allow/],
  ['[host."m.test".header]\nHost = "hunter2"', 2, /the header "host" cannot be set/],
  ['host = 1', 1, /"host" is no table/],
  ['[host]\n"m.test" = 1', 2, /"m.test" is no table/],
];
for (const [text, line, message] of malformed)
  test(`hosts.toml that is wrong: ${JSON.stringify(text).slice(0, 70)}`, async (t) => {
    await assert.rejects(planFor(t, text), (error: Error & { code?: string }) => {
      assert.equal(error.code, 'E_CONFIG');
      assert.match(error.message, message);
      assert.match(error.message, new RegExp(`hosts\\.toml", line ${line}: `));
      assert.doesNotMatch(`${error.message}${String(error.cause)}`, /hunter2/);
      return true;
    });
  });

test('hosts.toml: a key that nobody knows is told about', async (t) => {
  const { notes } = await planFor(t, 'servre = "x"\n[host."m.test"]\ncapabilites = ["pull"]');
  assert.equal(notes.length, 2);
  assert.match(notes[0] ?? '', /line 1: "servre" is not known/);
  assert.match(notes[1] ?? '', /line 3: "capabilites" is not known/);
});
