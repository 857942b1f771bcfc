import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import { containerFiles, makeContainerFolders, namesDir } from '../../../src/containers/container-files.js';
import {
  checkName,
  claimName,
  claimRandomName,
  releaseName,
  releaseNamesOf,
} from '../../../src/containers/container-name.js';
import { adjectives, nouns } from '../../../src/containers/name-words.js';
import { KnownError } from '../../../store/errors.js';
import { randomId } from '../../../store/fs/random-id.js';
import { tempDir } from '../../support/temp.js';

test('names that are none', () => {
  for (const name of ['', 'a', '-a', '.a', 'a b', '../x', 'a/b', 'ä1'])
    assert.throws(() => checkName(name), KnownError, name);
  for (const name of ['ab', 'A0', 'a_b.c-d']) assert.equal(checkName(name), name);
});

test('ids that are none never become a path', () => {
  for (const id of ['', '..', '../../etc', 'ab', 'A'.repeat(64)])
    assert.throws(() => containerFiles('/r', id), RangeError);
});

test('a name has one owner', (t) => {
  const root = tempDir(t);
  makeContainerFolders(root);
  const [one, two] = [randomId(), randomId()];
  claimName(root, 'web', one);
  assert.throws(
    () => claimName(root, 'web', two),
    new RegExp(`The container name "/web" is already in use by container "${one}"`),
  );
  releaseName(root, 'web', two);
  assert.throws(() => claimName(root, 'web', two), KnownError);
  releaseName(root, 'web', one);
  claimName(root, 'web', two);
  const generated = claimRandomName(root, two);
  assert.match(generated, /^[a-z]+_[a-z]+\d*$/);
  releaseNamesOf(root, two);
  assert.deepEqual(readdirSync(namesDir(root)), []);
});

test('no word comes twice, and all make valid names', () => {
  for (const words of [adjectives, nouns]) {
    assert.equal(new Set(words).size, words.length);
    for (const word of words) assert.match(word, /^[a-z]{3,}$/);
  }
});
