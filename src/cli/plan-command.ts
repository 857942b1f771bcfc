/** `tspull --plan`: what pulling would take, as text or JSON. */
import { KnownError } from '../../store/errors.js';
import { printable } from '../../store/printable.js';
import { humanDuration, humanSize } from '../images/human.js';
import { type PlannedImage, type PullPlan, plan, type Verdict } from '../pull/plan.js';
import type { PullManyOptions } from '../pull/pull-many.js';

export interface PlanOutput {
  json: boolean;
  out(text: string): void;
  report(error: unknown): void;
}

/** What the exit status says, when nothing failed, of a plan that has no room. */
const noRoom = 3;

export async function planNames(
  names: readonly string[],
  options: PullManyOptions,
  { json, out, report }: PlanOutput,
): Promise<number | undefined> {
  const found = await plan(names, options);
  out(json ? `${JSON.stringify({ ...found, images: found.images.map(withPlainError) })}\n` : planText(found));
  const failures = found.images.filter(({ error }) => error !== null);
  for (const { error } of failures) report(error);
  if (failures.length > 0) return undefined;
  return found.verdict === 'fits' || found.verdict === 'up to date' ? 0 : noRoom;
}

function withPlainError({ error, ...image }: PlannedImage) {
  if (error === null) return { ...image, error };
  const { code = null, hint = null } = error instanceof KnownError ? error : {};
  return { ...image, error: { code, message: error instanceof Error ? error.message : String(error), hint } };
}

const verdicts: Record<Verdict, string> = {
  'up to date': 'Everything is up to date.',
  fits: 'It fits.',
  'may not fit': 'It may not fit: images usually take more room than there is.',
  'does not fit': 'It does not fit.',
};

export function planText(found: PullPlan): string {
  const { least, likely, free, limits, verdict } = found;
  const kept = found.images.flatMap(({ layers }) => layers).reduce((sum, { keptBytes }) => sum + keptBytes, 0);
  const rows: [string, string][] = [
    [
      'To fetch',
      humanSize(found.fetchBytes) + (kept > 0 ? `, and ${humanSize(kept)} are left of an earlier pull` : ''),
    ],
    ['Here', humanSize(found.hereBytes)],
    ['Shared', humanSize(found.sharedBytes)],
    ['Unpacked', `about ${room(likely)}; at least ${room(least)}`],
    [
      'Free',
      `${free.bytes === null ? 'any number of bytes' : humanSize(free.bytes)}, ${free.inodes ?? 'any number of'} inodes`,
    ],
    ...limits.map((limit): [string, string] => ['Pulls left', limitText(limit)]),
  ];
  const lines = [
    ...found.images.map(imageText),
    ...rows.map(([word, text]) => `${word.padEnd(12)}${text}`),
    verdicts[verdict],
  ];
  return `${lines.join('\n')}\n`;
}

const room = ({ bytes, inodes }: { bytes: number; inodes: number }) => `${humanSize(bytes)} and ${inodes} inodes`;

function imageText({ reference, platform, upToDate, layers, error, ...bytes }: PlannedImage): string {
  const name = printable(platform === null ? reference : `${reference} (${platform})`);
  if (error !== null) return `${name}: cannot be had`;
  if (upToDate) return `${name}: up to date`;
  const of = (status: string) => layers.filter((layer) => layer.status === status).length;
  const parts = [
    [of('fetch'), bytes.fetchBytes, 'to fetch'],
    [of('here'), bytes.hereBytes, 'here'],
    [of('shared'), bytes.sharedBytes, 'shared'],
  ] as const;
  const texts = parts
    .filter(([count]) => count > 0)
    .map(([count, size, what]) => `${count} ${what} (${humanSize(size)})`);
  return `${name}: layers: ${texts.join(', ') || 'none'}`;
}

function limitText({ endpoint, limit, remaining, windowSeconds }: PullPlan['limits'][number]): string {
  const window = windowSeconds === undefined ? '' : ` in ${humanDuration(windowSeconds * 1000)}`;
  return `${remaining}${limit === undefined ? '' : ` of ${limit}`}${window} at ${printable(endpoint)}`;
}
