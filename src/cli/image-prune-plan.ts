/** What `tsimage prune` would do, and why it cannot do more. */
import { KnownError } from '../../store/errors.js';
import { printable } from '../../store/printable.js';
import { humanDuration, humanSize, shortId } from '../images/human.js';
import type { RetentionPlan } from '../images/retention/plan-retention.js';
import type { ImageFacts } from '../images/retention/root-facts.js';
import { alignColumns } from './table.js';

/** A table of what goes, in that order, then of what stays, and the sums. */
export function planText({ removals, kept, before, after, lost }: RetentionPlan, now: number): string {
  const going = removals.map(({ image, why, origins, size, unique, freed }) => [
    ...describe(image, now),
    humanSize(size),
    humanSize(unique),
    humanSize(freed),
    origins.length === 0 ? why : `${why}, and ${origins.length} that it was built from`,
  ]);
  const staying = kept.map(({ image, why, size }) => [...describe(image, now), humanSize(size), why]);
  const sums = [
    ...(lost > 0 ? [`Layers that nothing stands on: ${humanSize(lost, 4)}`] : []),
    `Total reclaimable space: ${humanSize(before - after, 4)} of ${humanSize(before, 4)}`,
  ];
  return [
    ...table('Would remove:', ['IMAGE', 'ID', 'LAST USED', 'SIZE', 'UNIQUE', 'FREES', 'WHY'], going),
    ...table('Would keep:', ['IMAGE', 'ID', 'LAST USED', 'SIZE', 'WHY'], staying),
    ...sums,
    '',
  ].join('\n');
}

function table(title: string, head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  if (rows.length === 0) return [];
  return [title, alignColumns([head, ...rows].map((cells) => cells.join('\t')).join('\n')), ''];
}

function describe(image: ImageFacts, now: number): string[] {
  return [shownName(image), shortId(image.id), `${humanDuration(Math.max(0, now - image.lastUsed))} ago`];
}

function shownName({ names }: ImageFacts): string {
  const tags = names.filter(({ tag }) => tag !== undefined);
  const [first, ...others] = tags.length > 0 ? tags : names;
  if (first === undefined) return '<none>';
  const shown = printable(first.tag === undefined ? `${first.name}:<none>` : first.key, 200);
  return others.length === 0 ? shown : `${shown} and ${others.length} more`;
}

/** Of what holds the root above its quota, so many are named. */
const MOST_NAMED = 20;

export function quotaError({ kept, after }: RetentionPlan, maxBytes: number): KnownError {
  const held = [...kept].sort((a, b) => b.size - a.size);
  const named = held
    .slice(0, MOST_NAMED)
    .map(({ image, why, size }) => `${shownName(image)} (${humanSize(size)}): ${why}`);
  const more = held.length > named.length ? [`and ${held.length - named.length} more`] : [];
  const hint = kept.length === 0 ? 'containers stand on these layers' : `what stays: ${[...named, ...more].join('; ')}`;
  const text = `layers have ${humanSize(after, 4)}, more than the quota of ${humanSize(maxBytes, 4)}`;
  return new KnownError('E_QUOTA', text, { hint });
}
