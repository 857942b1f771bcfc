/**
 * Compiles a policy to a filter. System calls are looked up in a binary tree of ranges that share an action: about ten
 * steps a call instead of the hundreds of a list.
 */
import { argumentTest } from './argument-test.js';
import { ARCHITECTURE_OFFSET, branch, choose, encode, type Instruction, load, NUMBER_OFFSET, ret } from './bpf.js';
import { type ArgumentTest, applicableRules, type Circumstances, invalid, type SeccompProfile } from './profile.js';

/** Return values of linux/seccomp.h. */
const actions: Record<string, number> = {
  SCMP_ACT_KILL: 0,
  SCMP_ACT_KILL_THREAD: 0,
  SCMP_ACT_KILL_PROCESS: 0x80000000,
  SCMP_ACT_TRAP: 0x00030000,
  SCMP_ACT_ERRNO: 0x00050000,
  SCMP_ACT_TRACE: 0x7ff00000,
  SCMP_ACT_LOG: 0x7ffc0000,
  SCMP_ACT_ALLOW: 0x7fff0000,
};
const KILL_PROCESS = 0x80000000;
const ENOSYS = 0x00050000 | 38;
/** Numbers of the x32 ABI have this bit; no such program is let in. */
const X32_BIT = 0x40000000;

export interface CallTable {
  /** AUDIT_ARCH_ of linux/audit.h. */
  architecture: number;
  /** How wide arguments are. */
  bits: 32 | 64;
  /** Names in the order of their numbers, in pieces; `-` for none. */
  calls: readonly (readonly [first: number, names: string])[];
}

/** @returns an array of struct sock_filter */
export function compileProfile(profile: SeccompProfile, tables: readonly CallTable[], about: Circumstances): Buffer {
  const fallback = actionValue(profile.defaultAction, profile.defaultErrnoRet);
  const policy = byName(profile, about, fallback);
  let program: Instruction[] = [ret(KILL_PROCESS)];
  for (const table of tables.toReversed())
    program = choose(table.architecture, [load(NUMBER_OFFSET), ...tree(segments(table, policy, fallback))], program);
  return encode([load(ARCHITECTURE_OFFSET), ...program]);
}

interface Policy {
  /** Without a condition. */
  action?: number;
  /** The first that holds decides. */
  conditions: { tests: ArgumentTest[]; action: number }[];
}

function byName(profile: SeccompProfile, about: Circumstances, fallback: number): Map<string, Policy> {
  const policies = new Map<string, Policy>();
  for (const rule of applicableRules(profile, about)) {
    const action = actionValue(rule.action, rule.errnoRet ?? profile.defaultErrnoRet);
    if (action === fallback) continue;
    for (const name of rule.names) {
      const policy: Policy = policies.get(name) ?? { conditions: [] };
      policies.set(name, policy);
      if (rule.args?.length) policy.conditions.push({ tests: rule.args, action });
      else policy.action ??= action;
    }
  }
  return policies;
}

function actionValue(name: string, errno = 1): number {
  const value = actions[name];
  if (value === undefined) throw invalid(`unknown action ${JSON.stringify(name)}`);
  return name === 'SCMP_ACT_ERRNO' || name === 'SCMP_ACT_TRACE' ? value | (errno & 0xffff) : value;
}

/** From its first number on, up to the next segment, calls are treated alike. */
interface Segment {
  first: number;
  code: Instruction[];
  /** Set when there is no condition. */
  action?: number;
}

function segments({ calls, bits }: CallTable, policy: Map<string, Policy>, fallback: number): Segment[] {
  const result: Segment[] = [{ first: 0, code: [ret(fallback)], action: fallback }];
  const add = (first: number, { action, conditions }: Policy): void => {
    if (action === undefined && conditions.length > 0)
      result.push({ first, code: conditional(conditions, fallback, bits) });
    else {
      const value = action ?? fallback;
      const last = result.at(-1);
      if (last?.action === value) return;
      const segment = { first, code: [ret(value)], action: value };
      if (last?.first === first) result.splice(-1, 1, segment);
      else result.push(segment);
    }
  };
  const none: Policy = { conditions: [] };
  let next = 0;
  for (const [first, names] of calls) {
    if (first > next) add(next, none);
    next = first;
    for (const name of names.trim().split(/\s+/)) add(next++, policy.get(name) ?? none);
  }
  // Calls newer than the table do not exist as far as a container can tell, so that C libraries fall back to older ones.
  const unknown = (fallback & 0xffff0000) === actions['SCMP_ACT_ERRNO'] ? ENOSYS : fallback;
  add(next, { action: unknown, conditions: [] });
  add(X32_BIT, { action: ENOSYS, conditions: [] });
  return result;
}

function conditional(conditions: Policy['conditions'], fallback: number, bits: 32 | 64): Instruction[] {
  return [...conditions.flatMap(({ tests, action }) => guarded(tests, [ret(action)], bits)), ret(fallback)];
}

/** `body` when all tests hold; otherwise what follows it. */
function guarded(tests: readonly ArgumentTest[], body: Instruction[], bits: 32 | 64): Instruction[] {
  let code = body;
  for (const test of tests.toReversed()) code = [...argumentTest(test, { skip: code.length, bits }), ...code];
  return code;
}

function tree(list: readonly Segment[]): Instruction[] {
  const [only] = list;
  if (only === undefined) return [];
  if (list.length === 1) return only.code;
  const middle = list.length >> 1;
  const right = list.slice(middle);
  return branch(right[0]?.first ?? 0, tree(list.slice(0, middle)), tree(right));
}
