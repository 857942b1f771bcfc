import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { isInsecure } from '../../../../src/registry/mirrors/daemon-json.js';
import { type PlanOptions, planEndpoints } from '../../../../src/registry/mirrors/plan-endpoints.js';
import { configDir, hostsToml, placesIn } from '../../../support/config-files.js';

async function domainsFor(
  t: TestContext,
  files: Record<string, string>,
  domain: string,
  more: Partial<PlanOptions> = {},
): Promise<string[]> {
  const places = placesIn(configDir(t, files));
  const options = { mirrors: [], insecure: false, ...more, places };
  const { endpoints } = await planEndpoints({ domain, path: 'library/x', byDigest: false }, options);
  return endpoints.map((endpoint) => endpoint.domain);
}

const hosts = (name: string) => ({ [hostsToml(name)]: '[host."https://hosts.test"]' });
const conf = {
  'containers/registries.conf':
    '[[registry]]\nlocation = "docker.io"\n[[registry.mirror]]\nlocation = "conf.test"\n[[registry]]\nlocation = "r.test"\n',
};
const daemon = {
  'docker/daemon.json': '{"registry-mirrors": ["https://daemon.test"], "insecure-registries": ["r.test", "s.test"]}',
};

/** Which files there are, the registry, mirrors that the user names, and who is asked. */
const cases: [what: string, Record<string, string>, string, string[], string[]][] = [
  ['nothing', {}, 'docker.io', [], ['docker.io']],
  ['all three', { ...hosts('docker.io'), ...conf, ...daemon }, 'docker.io', [], ['hosts.test', 'docker.io']],
  ['two', { ...conf, ...daemon }, 'docker.io', [], ['conf.test', 'docker.io']],
  ['daemon.json', daemon, 'docker.io', [], ['daemon.test', 'docker.io']],
  ['daemon.json and another registry', daemon, 'quay.test', [], ['quay.test']],
  [
    'the default folder before the others',
    { ...hosts('_default'), ...conf },
    'docker.io',
    [],
    ['hosts.test', 'docker.io'],
  ],
  ['a folder of another registry', { ...hosts('quay.test'), ...conf }, 'docker.io', [], ['conf.test', 'docker.io']],
  ['a table without mirrors is enough', { ...conf, ...daemon }, 'r.test', [], ['r.test']],
  [
    'the user comes first',
    hosts('docker.io'),
    'docker.io',
    ['https://a.test', 'docker.io=http://b.test/x'],
    ['a.test', 'b.test:80', 'hosts.test', 'docker.io'],
  ],
  [
    'the user names another registry',
    {},
    'docker.io',
    ['quay.test=https://a.test', 'r.test:5000=b.test'],
    ['docker.io'],
  ],
  ['a registry with a port', {}, 'r.test:5000', ['r.test:5000=b.test:5001'], ['b.test:5001', 'r.test:5000']],
];
for (const [what, files, domain, mirrors, expected] of cases)
  test(`who is asked: ${what}`, async (t) => {
    assert.deepEqual(await domainsFor(t, files, domain, { mirrors }), expected);
  });

test('insecure of daemon.json does not hold where another file decides', async (t) => {
  const places = placesIn(configDir(t, { ...conf, ...daemon }));
  const ask = (domain: string) =>
    planEndpoints({ domain, path: 'x', byDigest: false }, { mirrors: [], insecure: false, places });
  assert.equal((await ask('r.test')).endpoints[0]?.skipVerify, false);
  assert.equal((await ask('s.test')).endpoints[0]?.skipVerify, true);
});

test('what has no effect is told', async (t) => {
  const places = placesIn(configDir(t, { ...hosts('docker.io'), ...conf }));
  const { notes } = await planEndpoints(
    { domain: 'docker.io', path: 'x', byDigest: false },
    { mirrors: [], insecure: false, places },
  );
  assert.match(notes.join(), /registries\.conf", line 1 has no effect: ".*docker\.io" comes first/);
});

for (const mirror of ['', 'ftp://x', 'https://', 'https://me:hunter2@m.test', 'docker.io=', 'https://m.test?x=hunter2'])
  test(`${JSON.stringify(mirror)} is no mirror`, async (t) => {
    await assert.rejects(domainsFor(t, {}, 'docker.io', { mirrors: [mirror] }), (error: Error & { code?: string }) => {
      assert.equal(error.code, 'E_USAGE');
      assert.doesNotMatch(error.message, /me:hunter2/);
      return true;
    });
  });

/** host, entries, whether it may be insecure */
const insecure: [string, string[], boolean][] = [
  ['r.test:5000', ['r.test:5000'], true],
  ['r.test:5000', ['http://r.test:5000/'], true],
  ['r.test:5000', ['r.test'], false],
  ['r.test', ['r.test:5000'], false],
  ['10.1.2.3:5000', ['10.0.0.0/8'], true],
  ['11.1.2.3', ['10.0.0.0/8'], false],
  ['[fd00::5]:5000', ['fd00::/8'], true],
  ['r.test', ['0.0.0.0/0'], false],
  ['10.1.2.3', ['10.0.0.0/99', '10.0.0.0', 'x/8', '/8'], false],
  ['10.1.2.3', [], false],
];
for (const [host, entries, expected] of insecure)
  test(`${host} among insecure-registries ${entries.join(' ')}`, () => {
    assert.equal(isInsecure(host, entries), expected);
  });

/** text, line, message */
const malformed: [string, number, RegExp][] = [
  ['{\n  "registry-mirrors": [\n}', 3, /not JSON/],
  ['{\n"secret": "hunter2", ', 2, /not JSON/],
  ['[]', 0, /the document is no table/],
  ['{\n\n  "registry-mirrors": "https://m.test"\n}', 3, /"registry-mirrors" is no list of strings/],
  ['{"insecure-registries": [1]}', 1, /"insecure-registries" is no list of strings/],
  ['{"registry-mirrors": ["ftp://hunter2"]}', 1, /neither http nor https/],
  ['{"registry-mirrors": ["https://me:hunter2@m.test"]}', 1, /user or password/],
];
for (const [text, line, message] of malformed)
  test(`daemon.json that is wrong: ${JSON.stringify(text).slice(0, 60)}`, async (t) => {
    const wrong = domainsFor(t, { 'docker/daemon.json': text }, 'docker.io');
    await assert.rejects(wrong, (error: Error & { code?: string }) => {
      assert.equal(error.code, 'E_CONFIG');
      assert.match(error.message, message);
      assert.match(error.message, line === 0 ? /daemon\.json"/ : new RegExp(`daemon\\.json", line ${line}: `));
      assert.doesNotMatch(error.message, /hunter2/);
      return true;
    });
  });
