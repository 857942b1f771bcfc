/** Rules that hold for every plan, tried on roots made at random. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type PlannedRemoval,
  planRetention,
  type RetentionPlan,
  type RetentionRules,
} from '../../../../src/images/retention/plan-retention.js';
import type { RetentionPolicy } from '../../../../src/images/retention/policy.js';
import { chainOf, type ImageFacts, type RootFacts } from '../../../../src/images/retention/root-facts.js';
import { type ChainId, chainIdsOf, type DiffId, digestOf, type ImageId } from '../../../../store/oci/digest.js';
import { type Random, randomFrom } from '../../../fuzz/random.js';
import { isLongForm } from '../../../support/long-form.js';

const ROOTS = isLongForm ? 20_000 : 2000;
const NOW = 1_000_000;
const repositories = ['app', 'base', 'ci/job'];

const rules = (policy: RetentionPolicy, more: Partial<RetentionRules> = {}): RetentionRules => ({
  policy,
  all: true,
  accepts: () => true,
  obstacles: new Map(),
  now: NOW,
  ...more,
});

interface MadeImage {
  layers: readonly string[];
  tags?: readonly string[];
  lastUsed?: number;
  created?: number;
  user?: boolean;
  parent?: ImageId;
}

/** Images by name; the size of a layer is the number at its end. */
function factsOf(made: Record<string, MadeImage>, mounts: readonly (readonly string[])[] = []): RootFacts {
  const layers = new Map<ChainId, { size: number; parent: ChainId | undefined }>();
  const chainOfNames = (names: readonly string[]): ChainId[] => {
    const chain = chainIdsOf(names.map((name) => digestOf(name) as string as DiffId));
    for (const [at, id] of chain.entries())
      layers.set(id, { size: Number(/\d+$/.exec(names[at] ?? '')?.[0] ?? 1), parent: chain[at - 1] });
    return chain;
  };
  const images = Object.entries(made).map(
    ([name, { layers: names, tags = [], user, parent, ...times }]): ImageFacts => {
      const named = tags.map((key) => {
        const [repository = '', tag = ''] = key.split(':');
        return { name: repository, key, tag, digest: undefined };
      });
      const chain = chainOfNames(names);
      const container = user === true ? digestOf(`container of ${name}`).slice(7) : undefined;
      return {
        id: idOf(name),
        names: named,
        created: 0,
        arrived: 0,
        lastUsed: 0,
        chain,
        parent,
        user: container,
        ...times,
      };
    },
  );
  return { images, layers, mounts: mounts.flatMap((names) => chainOfNames(names).slice(-1)), lost: [] };
}

const idOf = (name: string): ImageId => digestOf(name) as string as ImageId;

function randomFacts(random: Random): RootFacts {
  const layer = (depth: number) => `d${depth}-${random.below(3)}-${random.below(50) + 1}`;
  const chain = () => Array.from({ length: 1 + random.below(4) }, (_, depth) => layer(depth));
  const chains = Array.from({ length: 6 }, chain);
  const pick = () => chains[random.below(chains.length)] ?? [];
  const made: Record<string, MadeImage> = {};
  for (let at = 0; at < 1 + random.below(12); at++) {
    const tags = repositories.filter(() => random.below(3) === 0).map((name) => `${name}:${at}`);
    const parent = at > 0 && random.below(8) === 0 ? { parent: idOf(String(random.below(at))) } : {};
    const times = { lastUsed: random.below(NOW), created: random.below(5) };
    made[String(at)] = { layers: pick(), tags, user: random.below(6) === 0, ...times, ...parent };
  }
  return factsOf(made, random.below(3) === 0 ? [pick()] : []);
}

function randomPolicy(random: Random): RetentionPolicy {
  const maybe = <T>(value: T): T | undefined => (random.below(2) === 0 ? undefined : value);
  const [keepLast, unusedForMs, maxBytes] = [1 + random.below(3), random.below(NOW), random.below(300)].map(maybe);
  return {
    ...(keepLast !== undefined && { keepLast }),
    ...(unusedForMs !== undefined && { unusedForMs }),
    ...(maxBytes !== undefined && { maxBytes }),
    pins: random.below(4) === 0 ? ['base'] : [],
    only: random.below(4) === 0 ? ['app', 'ci/*'] : [],
  };
}

const isIn = (image: ImageFacts, name: string): boolean => image.names.some((one) => one.name === name);

/** What must stay, by another way than that of the program. */
function mustStay({ images }: RootFacts, { keepLast, pins = [], only = [] }: RetentionPolicy): Set<ImageFacts> {
  const rank = (image: ImageFacts, name: string) =>
    images.filter(
      (other) =>
        isIn(other, name) &&
        (other.created > image.created || (other.created === image.created && other.id < image.id)),
    ).length;
  const isLast = (image: ImageFacts) =>
    keepLast !== undefined && repositories.some((name) => isIn(image, name) && rank(image, name) < keepLast);
  return new Set(
    images.filter(
      (image) =>
        image.user !== undefined ||
        (pins.length > 0 && isIn(image, 'base')) ||
        (only.length > 0 &&
          !isIn(image, 'app') &&
          !isIn(image, 'ci/job') &&
          !images.some(({ parent }) => parent === image.id)) ||
        isLast(image),
    ),
  );
}

const goneOf = ({ removals }: RetentionPlan): ImageFacts[] =>
  removals.flatMap(({ image, origins }) => [image, ...origins]);

/** Bytes of the layers that somebody stands on. */
function bytesOf({ layers, mounts }: RootFacts, images: readonly ImageFacts[]): number {
  const held = new Set([...images.flatMap(({ chain }) => chain), ...mounts.flatMap((top) => chainOf(layers, top))]);
  return [...held].reduce((sum, id) => sum + (layers.get(id)?.size ?? 0), 0);
}

test('no plan removes what must stay, counts wrongly, or ends above the quota without need', () => {
  let removed = 0;
  for (let seed = 1; seed <= ROOTS; seed++) {
    const random = randomFrom(seed);
    const facts = randomFacts(random);
    const policy = randomPolicy(random);
    const plan = planRetention(facts, rules(policy));
    const shown = `root ${seed}: ${JSON.stringify(policy)}`;
    const gone = goneOf(plan);
    const left = facts.images.filter((image) => !gone.includes(image));
    removed += gone.length;
    for (const image of mustStay(facts, policy)) assert.ok(left.includes(image), `${shown}: ${image.names[0]?.key}`);
    for (const { parent } of left) assert.ok(!gone.some(({ id }) => id === parent), `${shown}: an origin went first`);
    assert.equal(plan.before, bytesOf(facts, facts.images), shown);
    assert.equal(plan.after, bytesOf(facts, left), shown);
    assert.equal(
      plan.before - plan.after,
      plan.removals.reduce((sum, { freed }) => sum + freed, 0),
      shown,
    );
    assert.equal(plan.kept.length, left.length, shown);
    checkUniques(facts, plan.removals, shown);
    if (policy.maxBytes !== undefined) checkQuota(facts, plan, policy, shown);
  }
  assert.ok(removed > ROOTS, `${removed} images were removed`);
});

function checkUniques(facts: RootFacts, removals: readonly PlannedRemoval[], shown: string): void {
  const all = bytesOf(facts, facts.images);
  for (const { image, unique } of removals)
    assert.equal(
      unique,
      all -
        bytesOf(
          facts,
          facts.images.filter((other) => other !== image),
        ),
      shown,
    );
}

/** Above the quota, nothing stays that could go and would free something, alone or with others. */
function checkQuota(facts: RootFacts, plan: RetentionPlan, policy: RetentionPolicy, shown: string): void {
  const { maxBytes = 0 } = policy;
  const gone = goneOf(plan);
  if (plan.after > maxBytes) {
    const free = plan.kept.filter(({ why }) => why === 'it would free nothing').map(({ image }) => image);
    const hard = facts.images.filter((image) => !gone.includes(image) && !free.includes(image));
    assert.equal(bytesOf(facts, hard), plan.after, `${shown}: it ended above`);
    return;
  }
  if (policy.unusedForMs !== undefined) return;
  for (const { image, origins } of plan.removals)
    if (origins.length === 0 && image.parent === undefined) {
      const left = facts.images.filter((other) => other === image || !gone.includes(other));
      assert.ok(bytesOf(facts, left) > maxBytes, `${shown}: an image went without need`);
    }
}

test('keep-last: the newest of each repository by creation; an image counts in each of its own', () => {
  const facts = factsOf({
    old: { layers: ['a1'], tags: ['app:1'], created: 1 },
    both: { layers: ['b1'], tags: ['app:2', 'ci/job:9'], created: 2 },
    young: { layers: ['c1'], tags: ['app:3'], created: 3 },
    untagged: { layers: ['d1'], created: 9 },
  });
  const plan = planRetention(facts, rules({ keepLast: 1 }));
  assert.deepEqual(
    goneOf(plan).map(({ id }) => id),
    [idOf('old'), idOf('untagged')],
  );
  assert.deepEqual(
    plan.kept.map(({ why }) => why),
    ['among the last 1 of ci/job', 'among the last 1 of app'],
  );
});

test('unused-for and keep-last: what is beyond the last and was not used for that long', () => {
  const facts = factsOf({
    a: { layers: ['a1'], tags: ['app:1'], created: 1, lastUsed: 100 },
    b: { layers: ['b1'], tags: ['app:2'], created: 2, lastUsed: 900_000 },
    c: { layers: ['c1'], tags: ['app:3'], created: 3, lastUsed: 100 },
  });
  const plan = planRetention(facts, rules({ keepLast: 1, unusedForMs: 500_000 }));
  assert.deepEqual(
    goneOf(plan).map(({ id }) => id),
    [idOf('a')],
  );
});

test('the quota: least recently used first, and what would free nothing stays', () => {
  const facts = factsOf({
    shared: { layers: ['base 100'], tags: ['app:1'], lastUsed: 1 },
    first: { layers: ['base 100', 'x 50'], tags: ['app:2'], lastUsed: 2 },
    second: { layers: ['base 100', 'y 50'], tags: ['app:3'], lastUsed: 3, user: true },
  });
  const plan = planRetention(facts, rules({ maxBytes: 160 }));
  assert.deepEqual(
    plan.removals.map(({ image, size, unique, freed }) => [image.id, size, unique, freed]),
    [[idOf('first'), 150, 50, 50]],
  );
  assert.equal(plan.after, 150);
  assert.deepEqual(
    planRetention(facts, rules({ maxBytes: 10 })).kept.map(({ why }) => why.replace(/ \w{12}$/, '')),
    ['it would free nothing', 'used by container'],
  );
});

test('twins: each frees nothing alone, both together do', () => {
  const facts = factsOf({
    one: { layers: ['x 50'], tags: ['app:1'], lastUsed: 1 },
    two: { layers: ['x 50'], tags: ['app:2'], lastUsed: 2 },
  });
  const plan = planRetention(facts, rules({ maxBytes: 0 }));
  assert.deepEqual(
    plan.removals.map(({ unique, freed }) => [unique, freed]),
    [
      [0, 0],
      [0, 50],
    ],
  );
});

test('an untagged origin goes with the last image that was built from it', () => {
  const facts = factsOf({
    origin: { layers: ['a 10'], lastUsed: 1 },
    child: { layers: ['a 10', 'b 5'], tags: ['app:1'], lastUsed: 2, parent: idOf('origin') },
  });
  const [removal, ...others] = planRetention(facts, rules({ maxBytes: 0 })).removals;
  assert.deepEqual(others, []);
  assert.deepEqual([removal?.origins.length, removal?.freed], [1, 15]);
});
