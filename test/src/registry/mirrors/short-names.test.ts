import assert from 'node:assert/strict';
import { test } from 'node:test';
import { expandShortName } from '../../../../src/registry/mirrors/short-names.js';
import { configDir } from '../../../support/config-files.js';

const main = 'containers/registries.conf';
const dropIn = 'containers/registries.conf.d/shortnames.conf';
const aliases = { [dropIn]: '[aliases]\n"ubuntu" = "docker.io/library/ubuntu"\n"team/tool" = "r.test/x/tool"\n' };

/** Files, name, full name */
const names: [Record<string, string>, string, string][] = [
  [{}, 'ubuntu:1', 'ubuntu:1'],
  [aliases, 'ubuntu', 'docker.io/library/ubuntu'],
  [aliases, 'ubuntu:16.04', 'docker.io/library/ubuntu:16.04'],
  [aliases, `ubuntu@sha256:${'0'.repeat(64)}`, `docker.io/library/ubuntu@sha256:${'0'.repeat(64)}`],
  [aliases, 'team/tool:2', 'r.test/x/tool:2'],
  [aliases, 'other', 'other'],
  [aliases, 'r.test/ubuntu', 'r.test/ubuntu'],
  [aliases, 'localhost/ubuntu', 'localhost/ubuntu'],
  [{ ...aliases, [main]: 'unqualified-search-registries = ["quay.test"]' }, 'other:1', 'quay.test/other:1'],
  [{ ...aliases, [main]: 'unqualified-search-registries = ["quay.test"]' }, 'ubuntu', 'docker.io/library/ubuntu'],
  [{ ...aliases, 'containers/registries.conf.d/z.conf': '[aliases]\nubuntu = ""' }, 'ubuntu', 'ubuntu'],
  [{ ...aliases, 'containers/registries.conf.d/z.conf': 'aliases.ubuntu = "z.test/u"' }, 'ubuntu', 'z.test/u'],
];
for (const [files, name, expected] of names)
  test(`${name.slice(0, 30)} among ${JSON.stringify(Object.values(files)).slice(0, 60)}`, async (t) => {
    assert.equal(await expandShortName(name, configDir(t, files), { HOME: '/nonexistent' }), expected);
  });

test('several search registries: none is tried', async (t) => {
  const folder = configDir(t, { [main]: 'unqualified-search-registries = ["a.test", "b.test"]' });
  await assert.rejects(expandShortName('x:1', folder, { HOME: '/nonexistent' }), {
    code: 'E_REFERENCE',
    message: 'the short name "x" may mean 2 registries',
    hint: 'name one of them: a.test/x, b.test/x',
  });
});
