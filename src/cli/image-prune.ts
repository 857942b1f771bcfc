/** `tsimage prune` */
import { defaultRoot, openForReading, openForWriting } from '../../store/store.js';
import { humanSize } from '../images/human.js';
import { type Pruned, pruneImages } from '../images/prune.js';
import { joinPolicies, type RetentionPolicy, readPolicy } from '../images/retention/policy.js';
import { decidesByItself, planPrune, retainImages } from '../images/retention/retain.js';
import { planText, quotaError } from './image-prune-plan.js';
import type { CliContext } from './main.js';

export interface PruneFlags {
  root?: string;
  all?: boolean;
  force?: boolean;
  filter?: [string, string][];
  keepLast?: number;
  unusedFor?: number;
  maxBytes?: number;
  pin?: string[];
  only?: string[];
  policy?: string;
  dryRun?: boolean;
}

export async function pruneCommand(flags: PruneFlags, context: CliContext): Promise<void> {
  const { root = defaultRoot(), all = false, force = false, filter: filters = [], dryRun = false } = flags;
  const policy = policyOf(flags);
  if (dryRun) {
    const plan = planPrune(openForReading(root).root, { policy, all, filters });
    context.out(planText(plan, Date.now()));
    reportQuota(plan, policy, context);
    return;
  }
  if (!force && !(await isConfirmed(warning(all, policy), context))) return;
  using store = await openForWriting(root, context.signal);
  const options = { all, filters, signal: context.signal };
  if (!hasRules(policy)) return show(await pruneImages(store, options), context);
  const retained = await retainImages(store, { ...options, policy });
  show(retained, context);
  reportQuota(retained.left, policy, context);
}

function policyOf({ keepLast, unusedFor, maxBytes, pin, only, policy }: PruneFlags): RetentionPolicy {
  return joinPolicies(policy === undefined ? {} : readPolicy(policy), {
    ...(keepLast !== undefined && { keepLast }),
    ...(unusedFor !== undefined && { unusedForMs: unusedFor }),
    ...(maxBytes !== undefined && { maxBytes }),
    pins: pin ?? [],
    only: only ?? [],
  });
}

const hasRules = (policy: RetentionPolicy): boolean =>
  decidesByItself(policy) ||
  [policy.pins, policy.only].some((patterns) => patterns !== undefined && patterns.length > 0);

function reportQuota(plan: Parameters<typeof quotaError>[0], { maxBytes }: RetentionPolicy, context: CliContext): void {
  if (maxBytes !== undefined && plan.after > maxBytes) context.report(quotaError(plan, maxBytes));
}

function warning(all: boolean, policy: RetentionPolicy): string {
  if (decidesByItself(policy)) return 'all images that the policy does not keep';
  return all ? 'all images without at least one container associated to them' : 'all dangling images';
}

async function isConfirmed(which: string, { out }: CliContext): Promise<boolean> {
  out(`WARNING! This will remove ${which}.\nAre you sure you want to continue? [y/N] `);
  const { createInterface } = await import('node:readline');
  for await (const line of createInterface({ input: process.stdin })) return line.trim().toLowerCase() === 'y';
  return false;
}

function show({ items, freed }: Pruned, { out }: CliContext): void {
  if (items.length > 0) {
    out('Deleted Images:\n');
    for (const item of items) out('untagged' in item ? `untagged: ${item.untagged}\n` : `deleted: ${item.deleted}\n`);
    out('\n');
  }
  out(`Total reclaimed space: ${humanSize(freed, 4)}\n`);
}
