import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createTurns, type TurnFailure } from '../../../src/registry/turns.js';

const passing: TurnFailure = { lasting: false };
const lasting: TurnFailure = { lasting: true };
const useful: TurnFailure = { lasting: false, stay: true };
const later: TurnFailure = { lasting: false, retryAfter: '86400' };

/** How many endpoints, how each in turn fails, and who is asked: the first, then after each failure; `-` for nobody. */
const games: [what: string, count: number, failures: TurnFailure[], asked: string][] = [
  ['one, as often as ever', 1, Array(5).fill(passing), '00000-'],
  ['one that is of no use', 1, [lasting], '0-'],
  ['one that wants a day', 1, [later], '0-'],
  ['each once when the failures last', 3, Array(3).fill(lasting), '012-'],
  ['round and round while they may pass', 2, Array(10).fill(passing), '0101010101-'],
  ['those that are left', 3, [passing, lasting, passing, passing, lasting, passing], '0120200'],
  ['one that is of use stays', 2, [useful, useful, passing, passing], '00010'],
  ['not for ever', 2, Array(6).fill(useful), '0000011'],
  ['one that wants a day is left', 2, [later, passing], '011'],
];
for (const [what, count, failures, asked] of games)
  test(`turns: ${what}`, () => {
    const turns = createTurns(count);
    let seen = String(turns.current());
    for (const failure of failures) {
      const before = turns.current();
      const waitMs = turns.fail(failure);
      seen += waitMs === undefined ? '-' : turns.current();
      // Going on to the next one needs no wait, coming back does.
      if (waitMs !== undefined) assert.equal(waitMs > 0, turns.current() <= before);
    }
    assert.equal(seen, asked);
  });

test('turns: what was of use is forgiven', () => {
  const turns = createTurns(1);
  for (let i = 0; i < 20; i++) {
    turns.forgive();
    assert.notEqual(turns.fail(useful), undefined);
  }
});
