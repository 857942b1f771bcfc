/** Why an image stays whatever else is asked for. The first reason counts, so the strongest come first. */
import type { ImageId } from '../../../store/oci/digest.js';
import { printable } from '../../../store/printable.js';
import { shortId } from '../human.js';
import { compilePattern } from '../path-match.js';
import type { RetentionPolicy } from './policy.js';
import type { ImageFacts, RootFacts } from './root-facts.js';

export interface StayRules {
  policy: RetentionPolicy;
  /** Also images with a tag. */
  all: boolean;
  /** What the filters let go. */
  accepts(image: ImageId): boolean;
  /** What was found out when it was to be removed. */
  obstacles: ReadonlyMap<ImageId, string>;
}

type Reason = (image: ImageFacts) => string | undefined;

/** @throws KnownError E_USAGE for a pattern that is none */
export function reasonsToStay(facts: RootFacts, rules: StayRules): Map<ImageId, string> {
  const { policy, all, obstacles } = rules;
  const { keepLast, pins = [], only = [] } = policy;
  const isNamed = only.map(compilePattern);
  const isPinned = pins.map((pattern) => ({ pattern, matches: compilePattern(pattern) }));
  const isComplete = ({ chain }: ImageFacts) => chain.every((id) => facts.layers.has(id));
  const last = keepLast === undefined ? undefined : lastOfRepositories(facts.images.filter(isComplete), keepLast);
  const reasons: Reason[] = [
    (image) => (isComplete(image) ? undefined : 'it lacks layers'),
    ({ user }) => (user === undefined ? undefined : `used by container ${shortId(user)}`),
    ({ id }) => obstacles.get(id),
    (image) => {
      const pin = isPinned.find(({ matches }) => hasName(image, matches));
      return pin === undefined ? undefined : `pinned by ${printable(pin.pattern, 200)}`;
    },
    (image) => (only.length === 0 || isNamed.some((matches) => hasName(image, matches)) ? undefined : 'not asked for'),
    ({ id }) => (rules.accepts(id) ? undefined : 'not asked for'),
    ({ names }) => (all || names.every(({ tag }) => tag === undefined) ? undefined : 'it has a tag'),
    ({ id }) => last?.get(id),
    originOfOthers(facts),
  ];
  const stays = new Map<ImageId, string>();
  for (const image of facts.images) {
    const why = reasons.map((reason) => reason(image)).find((text) => text !== undefined);
    if (why !== undefined) stays.set(image.id, why);
  }
  return stays;
}

function hasName({ names }: ImageFacts, matches: (name: string) => boolean): boolean {
  return names.some(({ name, key }) => matches(name) || matches(key));
}

/** Untagged and nothing but a step of a build: it goes with the last image that was built from it. */
function originOfOthers({ images }: RootFacts): Reason {
  const origins = new Set(images.map(({ parent }) => parent));
  return ({ id, names }) => (names.length === 0 && origins.has(id) ? 'others were built from it' : undefined);
}

/** The newest by creation; of one moment, those that came to this root last. An image counts once for each of its repositories. */
function lastOfRepositories(images: readonly ImageFacts[], count: number): Map<ImageId, string> {
  const repositories = new Map<string, ImageFacts[]>();
  for (const image of images)
    for (const name of new Set(image.names.map((one) => one.name)))
      repositories.set(name, [...(repositories.get(name) ?? []), image]);
  const last = new Map<ImageId, string>();
  for (const [name, members] of repositories)
    for (const { id } of members.sort(newestFirst).slice(0, count))
      if (!last.has(id)) last.set(id, `among the last ${count} of ${printable(name, 200)}`);
  return last;
}

function newestFirst(a: ImageFacts, b: ImageFacts): number {
  return b.created - a.created || b.arrived - a.arrived || (a.id < b.id ? -1 : 1);
}
