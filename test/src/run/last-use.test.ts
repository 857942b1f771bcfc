/** An image is in use from the start of a container until its removal; what a retention policy then does. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { retainImages } from '../../../src/images/retention/retain.js';
import { openImageDb } from '../../../store/images/image-db.js';
import { lastUse, recordUse } from '../../../store/images/last-use.js';
import { parseImageId } from '../../../store/oci/digest.js';
import { openForWriting } from '../../../store/store.js';
import { addImage, busybox, layerRoot } from '../../support/layer-root.js';
import { missing } from '../../support/needs.js';
import { tscontainer } from '../../support/tscontainer.js';
import { tsrun } from '../../support/tsrun.js';

const skip = missing('root', 'busybox');
const DAY = 86_400_000;
const root = skip ? '' : layerRoot({ after });

const isRecent = (time: number | undefined): boolean => time !== undefined && time > Date.now() - DAY;

test('runs and removals of containers are uses', { skip, timeout: 60_000 }, async () => {
  const id = parseImageId(addImage(root, [busybox], { Env: ['PATH=/bin'] }, 'bb').id);
  const forget = () => recordUse(root, id, new Date(Date.now() - 90 * DAY));
  const prune = async () => {
    using store = await openForWriting(root);
    const policy = { unusedForMs: 30 * DAY };
    await retainImages(store, { policy, all: true, filters: [], signal: new AbortController().signal });
    return openImageDb(root).get(id) === undefined;
  };
  forget();
  assert.equal(tsrun(root, ['--rm', 'bb', 'true']).status, 0);
  assert.ok(isRecent(lastUse(root, id)), 'a run');
  assert.equal(tsrun(root, ['--name', 'kept', 'bb', 'true']).status, 0);
  forget();
  assert.equal(await prune(), false, 'a container stands on it');
  assert.equal(tscontainer(root, 'rm', 'kept').status, 0);
  assert.ok(isRecent(lastUse(root, id)), 'a removal');
  assert.equal(await prune(), false, 'it was used until now');
  forget();
  assert.equal(await prune(), true);
  assert.equal(lastUse(root, id), undefined);
});
