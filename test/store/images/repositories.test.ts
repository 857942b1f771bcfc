import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  addDigest,
  lookUp,
  namesByImage,
  parseRepositories,
  type Repositories,
  removeReference,
  serializeRepositories,
  setTag,
} from '../../../store/images/repositories.js';
import { digestOf, type ImageId } from '../../../store/oci/digest.js';

const one = `sha256:${'1'.repeat(64)}` as ImageId;
const two = `sha256:${'2'.repeat(64)}` as ImageId;
const digest = digestOf('manifest');
const empty: Repositories = new Map();

test('tags move, digests do not, and a name without keys disappears', () => {
  let names = setTag(addDigest(empty, 'ubuntu', digest, one), 'ubuntu', '16.04', one);
  names = setTag(names, 'ubuntu', '16.04', two);
  names = addDigest(names, 'ubuntu', digest, two);
  assert.equal(lookUp(names, 'ubuntu', 'ubuntu:16.04'), two);
  assert.equal(lookUp(names, 'ubuntu', `ubuntu@${digest}`), one);
  names = removeReference(names, 'ubuntu', 'ubuntu:16.04');
  names = removeReference(names, 'ubuntu', `ubuntu@${digest}`);
  assert.equal(serializeRepositories(names), '{"Repositories":{}}');
});

test('a change that changes nothing returns the same table', () => {
  const names = setTag(empty, 'a', '1', one);
  assert.equal(setTag(names, 'a', '1', one), names);
  assert.equal(removeReference(names, 'a', 'a:2'), names);
  assert.equal(removeReference(names, 'b', 'b:1'), names);
  assert.equal(addDigest(addDigest(names, 'a', digest, one), 'a', digest, two).get('a')?.size, 2);
});

test('the text is the one that Go writes: sorted by bytes, escaped, no spaces', () => {
  let names = setTag(empty, 'b', '1', two);
  names = setTag(names, '127.0.0.1:5000/lib/x', 'v', one);
  names = setTag(names, 'b', '0.9', one);
  names = setTag(names, 'a<b', 'x', one);
  assert.equal(
    serializeRepositories(names),
    `{"Repositories":{"127.0.0.1:5000/lib/x":{"127.0.0.1:5000/lib/x:v":"${one}"},` +
      `"a\\u003cb":{"a\\u003cb:x":"${one}"},"b":{"b:0.9":"${one}","b:1":"${two}"}}}`,
  );
  assert.deepEqual(
    parseRepositories(serializeRepositories(names)),
    new Map([...names].map(([k, v]) => [k, new Map(v)])),
  );
});

test('what dockerd accepts is accepted, the rest is not', () => {
  for (const text of ['{}', 'null', '{"Repositories":null}', '{"Repositories":{}}', '{"Other":1}'])
    assert.equal(parseRepositories(text).size, 0, text);
  assert.equal(parseRepositories('{"Repositories":{"a":null}}').get('a')?.size, 0);
  assert.equal(parseRepositories('{"Repositories":{"__proto__":{"__proto__:1":"x"}}}').get('__proto__')?.size, 1);
  for (const text of ['', '{', '[]', '"x"', '1', '{"Repositories":[]}', '{"Repositories":{"a":{"a:1":7}}}'])
    assert.throws(() => parseRepositories(text), /SyntaxError|TypeError|object|string|JSON/, text);
});

test('names of one image come in order of their full names', () => {
  let names = empty;
  for (const name of ['multi', 'host.example:5000/x', 'foo/bar', 'localhost/z']) names = setTag(names, name, '1', one);
  names = setTag(names, 'multi', '2', two);
  names = addDigest(names, 'multi', digest, one);
  const byImage = namesByImage(names);
  assert.deepEqual(
    byImage.get(one)?.map(({ key }) => key),
    ['foo/bar:1', 'multi:1', `multi@${digest}`, 'host.example:5000/x:1', 'localhost/z:1'],
  );
  assert.deepEqual(byImage.get(two), [{ name: 'multi', key: 'multi:2', tag: '2', digest: undefined }]);
});
