import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { parseReference } from '../../../../src/reference.js';
import { planEndpoints } from '../../../../src/registry/mirrors/plan-endpoints.js';
import { longestMatch, matchedLength } from '../../../../src/registry/mirrors/registry-prefix.js';
import { configDir, placesIn } from '../../../support/config-files.js';
import { run } from '../../../support/dockerd.js';
import { missing } from '../../../support/needs.js';
import { tempDir } from '../../../support/temp.js';

/** name, prefix, how much of the name matches */
const prefixes: [string, string, number | undefined][] = [
  ['r.test/a/b', 'r.test', 6],
  ['r.test/a/b', 'r.test/a', 8],
  ['r.test/a/b', 'r.test/a/b', 10],
  ['r.test/a/b', 'r.test/a/b/c', undefined],
  ['r.test/ab', 'r.test/a', undefined],
  ['r.test/a', 'r.tes', undefined],
  ['r.test:5000/a', 'r.test', undefined],
  ['r.test:5000/a', 'r.test:5000', 11],
  ['r.test/a', 'r.test:5000', undefined],
  ['x.r.test/a', 'r.test', undefined],
  ['x.r.test/a', '*.r.test', 8],
  ['x.y.r.test/a', '*.r.test', 10],
  ['r.test/a', '*.r.test', undefined],
  ['xr.test/a', '*.r.test', undefined],
  ['x.r.test:5000/a', '*.r.test', 13],
  ['x.r.test.evil/a', '*.r.test', undefined],
  ['evil.test/x.r.test/a', '*.r.test', undefined],
  ['.r.test/a', '*.r.test', undefined],
  ['docker.io/library/x', 'docker.io/library', 17],
];
for (const [name, prefix, length] of prefixes)
  test(`the prefix ${prefix} and ${name}`, () => assert.equal(matchedLength(name, prefix), length));

test('the longest prefix counts', () => {
  const among = (name: string, ...items: string[]) =>
    longestMatch(
      name,
      items.map((prefix) => ({ prefix })),
    )?.item.prefix;
  assert.equal(among('r.test/a/b', 'r.test', 'r.test/a', 'r.test/b'), 'r.test/a');
  assert.equal(among('xy.r.test/a', 'xy.r.test', '*.r.test'), 'xy.r.test');
  assert.equal(among('x.r.test/a', 'x.r.test', '*.r.test'), '*.r.test');
  assert.equal(among('x.long.r.test/a', '*.r.test', '*.long.r.test'), '*.long.r.test');
  assert.equal(among('x.r.test/a', '*.r.test', 'x.r.test/a'), 'x.r.test/a');
  assert.equal(among('r.test/a', 's.test'), undefined);
});

const digest = `sha256:${'0'.repeat(64)}`;

async function planFor(t: TestContext, files: Record<string, string>, name: string, env: NodeJS.ProcessEnv = {}) {
  const { domain, path, digest: named } = parseReference(name);
  const places = placesIn(configDir(t, files), env);
  return planEndpoints({ domain, path, byDigest: named !== undefined }, { mirrors: [], places, insecure: false });
}

const table = (prefix: string, more: string) => `[[registry]]\nprefix = "${prefix}"\n${more}\n`;
const mirror = (location: string, more = '') => `[[registry.mirror]]\nlocation = "${location}"\n${more}\n`;

const example = [
  table('x.tie.test', 'location = "tie1.test"'),
  table('*.tie.test', 'location = "tie2.test"'),
  table('*.wild.test', `location = "w.test"\n${mirror('mw.test/x')}`),
  table('exact.wild.test', 'location = "e.test"'),
  table(
    'quay.test/foo',
    `location = "in.test/bar"\n${mirror('m0.test/foo')}${mirror('m1.test:5000', 'insecure = true')}`,
  ),
  table('d.test', `location = "d.test"\nmirror-by-digest-only = true\n${mirror('dm.test')}`),
  table(
    'p.test',
    `location = "p.test"\n${mirror('t.test', 'pull-from-mirror = "tag-only"')}${mirror('d.test', 'pull-from-mirror = "digest-only"')}${mirror('a.test', 'pull-from-mirror = "all"')}`,
  ),
  table('docker.io/library', `location = "hub.test/lib"`),
  table('*.bare.test', 'insecure = true'),
].join('\n');

/** name, and `host/path` of each endpoint in order; as `skopeo` has it, too. */
const routes: [string, string[]][] = [
  ['x.wild.test/y:1', ['mw.test/x/y', 'w.test/y']],
  ['x.y.wild.test/z', ['mw.test/x/z', 'w.test/z']],
  ['exact.wild.test/y', ['e.test/y']],
  ['wild.test/y', ['wild.test/y']],
  ['quay.test/foo/img:1', ['m0.test/foo/img', 'm1.test:5000/img', 'in.test/bar/img']],
  ['quay.test/fool/img', ['quay.test/fool/img']],
  ['d.test/x:1', ['d.test/x']],
  [`d.test/x@${digest}`, ['dm.test/x', 'd.test/x']],
  ['p.test/x:1', ['t.test/x', 'a.test/x', 'p.test/x']],
  [`p.test/x@${digest}`, ['d.test/x', 'a.test/x', 'p.test/x']],
  ['docker.io/library/x', ['hub.test/lib/x']],
  ['docker.io/x', ['hub.test/lib/x']],
  ['docker.io/a/x', ['docker.io/a/x']],
  ['x.bare.test/y', ['x.bare.test/y']],
  ['x.tie.test/y', ['tie2.test/y']],
];
for (const [name, expected] of [...routes, ['x.wild.test:5000/y', ['mw.test/x/y', 'w.test/y']] as const]) {
  test(`registries.conf: ${name.slice(0, 40)}`, async (t) => {
    const { endpoints } = await planFor(t, { 'containers/registries.conf': example }, name);
    assert.deepEqual(
      endpoints.map(({ domain, path }) => `${domain}/${path}`),
      expected,
    );
    assert.ok(endpoints.every(({ namespace }) => namespace === undefined));
  });
}

test('registries.conf: insecure is of the endpoint that says so', async (t) => {
  const { endpoints } = await planFor(t, { 'containers/registries.conf': example }, 'quay.test/foo/img');
  assert.deepEqual(
    endpoints.map(({ skipVerify, bases }) => [skipVerify, bases.length]),
    [
      [false, 1],
      [true, 2],
      [false, 1],
    ],
  );
  const bare = await planFor(t, { 'containers/registries.conf': example }, 'x.bare.test/y');
  assert.deepEqual(bare.endpoints[0]?.bases, ['https://x.bare.test/v2/', 'http://x.bare.test/v2/']);
});

test('registries.conf: the same order as containers tools', {
  skip: missing('root', 'skopeo', 'unshare'),
}, async (t) => {
  const file = join(configDir(t, { 'r.conf': example }), 'r.conf');
  for (const [name, expected] of routes) {
    // In a network of its own nothing can be reached, so that it tries one after the other and says so.
    const args = ['--net', 'skopeo', '--debug', '--registries-conf', file, 'inspect', `docker://${name}`];
    const { stderr } = await run('unshare', args, { env: { ...process.env, HOME: tempDir(t) } });
    const tried = [...stderr.matchAll(/Trying to access \\"([^"@]*?)(?::[\w.]+)?(?:@[^"]*)?\\"/g)].map(([, it]) => it);
    assert.deepEqual(tried, expected, `${name}: ${stderr}`);
  }
});

const main = 'containers/registries.conf';
const dropIn = (name: string) => `containers/registries.conf.d/${name}`;
const single = (location: string) => table('r.test', `location = "r.test"\n${mirror(location)}`);

/** Files below /etc, files below HOME, and which mirror counts. */
const precedence: [string, Record<string, string>, Record<string, string>, string | undefined][] = [
  ['the file alone', { [main]: single('main.test') }, {}, 'main.test'],
  ['a drop-in alone', { [dropIn('a.conf')]: single('a.test') }, {}, 'a.test'],
  ['a drop-in replaces a table', { [main]: single('main.test'), [dropIn('a.conf')]: single('a.test') }, {}, 'a.test'],
  ['the last drop-in', { [dropIn('b.conf')]: single('b.test'), [dropIn('a.conf')]: single('a.test') }, {}, 'b.test'],
  [
    'other names are no drop-ins',
    { [dropIn('a.conf.bak')]: single('a.test'), [dropIn('b')]: single('b.test') },
    {},
    undefined,
  ],
  [
    "a user's drop-in comes last",
    { [dropIn('z.conf')]: single('z.test') },
    { [dropIn('a.conf')]: single('u.test') },
    'u.test',
  ],
  [
    "a user's file stands alone",
    { [main]: single('main.test'), [dropIn('z.conf')]: single('z.test') },
    { [main]: '' },
    undefined,
  ],
  ["a user's file with drop-ins", {}, { [main]: single('main.test'), [dropIn('a.conf')]: single('u.test') }, 'u.test'],
  ['comments only', { [main]: `# ${single('main.test').replaceAll('\n', '\n# ')}` }, {}, undefined],
  ['version 1', { [main]: '[registries.search]\nregistries = ["r.test"]' }, {}, undefined],
];
for (const [what, system, user, expected] of precedence)
  test(`registries.conf: ${what}`, async (t) => {
    const home = configDir(
      t,
      Object.fromEntries(Object.entries(user).map(([path, text]) => [`.config/${path}`, text])),
    );
    const { endpoints } = await planFor(t, system, 'r.test/x', { HOME: home });
    assert.equal(endpoints.length === 1 ? undefined : endpoints[0]?.domain, expected);
  });

test('registries.conf: a file that the environment names replaces the others, not their drop-ins', async (t) => {
  const named = join(
    configDir(t, { 'n.conf': `${single('named.test')}${table('s.test', 'location = "t.test"')}` }),
    'n.conf',
  );
  const home = configDir(t, { [`.config/${main}`]: single('user.test') });
  const env = { CONTAINERS_REGISTRIES_CONF: named, HOME: home };
  const files = { [main]: single('main.test') };
  assert.equal((await planFor(t, files, 'r.test/x', env)).endpoints[0]?.domain, 'named.test');
  const more = { ...files, [dropIn('a.conf')]: single('a.test') };
  assert.equal((await planFor(t, more, 'r.test/x', env)).endpoints[0]?.domain, 'a.test');
  assert.equal((await planFor(t, more, 's.test/x', env)).endpoints[0]?.domain, 't.test');
  await assert.rejects(planFor(t, files, 'r.test/x', { CONTAINERS_REGISTRIES_CONF: '/nonexistent/r.conf' }), {
    code: 'E_CONFIG',
    message: /\/nonexistent\/r\.conf/,
  });
});

for (const [what, text, name] of [
  ['a registry', table('r.test', 'location = "r.test"\nblocked = true'), 'r.test/x'],
  ['a namespace', table('r.test/bad', 'location = "r.test"\nblocked = true'), 'r.test/bad/x'],
  ['subdomains', table('*.r.test', 'blocked = true'), 'x.r.test/y'],
  ['Docker Hub', table('docker.io', 'location = "docker.io"\nblocked = true'), 'ubuntu'],
  ['a registry of version 1', '[registries.block]\nregistries = ["r.test"]', 'r.test/x'],
] as const)
  test(`registries.conf blocks ${what}`, async (t) => {
    const files = {
      [main]: `# first line\n${text}`,
      // Even where another file decides about mirrors.
      'containerd/certs.d/_default/hosts.toml': '[host."m.test"]',
    };
    await assert.rejects(planFor(t, files, name), {
      code: 'E_CONFIG',
      message: /^pulling .* is blocked by "\/.*registries\.conf", line 2$/,
    });
  });

/** text, line, message */
const malformed: [string, number, RegExp][] = [
  ['[[registry]]\nprefix = "a"\nlocation =', 3, /not TOML/],
  ['\n[[registry]]\ninsecure = true', 2, /needs a prefix or a location/],
  ['[[registry]]\nlocation = 1', 2, /"location" is no string/],
  ['[[registry]]\nlocation = "https://r.test"', 2, /"location" is a name, without http/],
  ['[[registry]]\nprefix = "r.*.test"\nlocation = "x"', 2, /a wildcard stands at the beginning/],
  ['[[registry]]\nprefix = "*.r.test/x"', 2, /a wildcard stands at the beginning/],
  ['[[registry]]\nlocation = "r.test"\nblocked = "no"', 3, /"blocked" is no true or false/],
  ['[[registry]]\nlocation = "r.test"\n[[registry.mirror]]\ninsecure = true', 3, /a mirror needs a location/],
  [
    '[[registry]]\nlocation = "r.test"\n[[registry.mirror]]\nlocation = "m"\npull-from-mirror = "never"',
    5,
    /"pull-from-mirror" is "all"/,
  ],
  [
    '[[registry]]\nlocation = "r.test"\nmirror-by-digest-only = true\n[[registry.mirror]]\nlocation = "m"\npull-from-mirror = "all"',
    6,
    /contradicts/,
  ],
  ['registry = 1', 1, /"registry" is no array of tables/],
  ['[[registry]]\nlocation = "r.test"\n[registries.block]\nregistries = ["x"]', 0, /cannot be mixed/],
  ['[[registry]]\nprefix = "r.test"\nlocation = "r.test/UPPER"', 1, /no image name/],
  ['[[registry]]\nprefix = "r.test"\nlocation = "mirror/x"', 1, /begins with no host/],
];
for (const [text, line, message] of malformed)
  test(`registries.conf that is wrong: ${JSON.stringify(text).slice(0, 80)}`, async (t) => {
    await assert.rejects(planFor(t, { [main]: text }, 'r.test/x'), (error: Error & { code?: string }) => {
      assert.equal(error.code, 'E_CONFIG');
      assert.match(error.message, message);
      assert.match(
        error.message,
        line === 0 ? /registries\.conf": / : new RegExp(`registries\\.conf", line ${line}: `),
      );
      return true;
    });
  });
