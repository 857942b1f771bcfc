/** One thing asked of several endpoints until one of them has it. */
import { KnownError } from '../../store/errors.js';
import { printable } from '../../store/printable.js';
import type { Capability, EndpointSet, LiveEndpoint } from './endpoint-set.js';
import { judge } from './failure-kind.js';
import { type Attempt, cancelled, pause } from './retry.js';
import { createTurns } from './turns.js';

/**
 * The first answer. `ask` returns failures that may pass and throws those that stay.
 *
 * @throws KnownError: what the last endpoint said, with what the others said as a hint.
 */
export async function askInTurn<T>(
  set: EndpointSet,
  need: Capability,
  ask: (endpoint: LiveEndpoint) => Promise<Attempt<T>>,
): Promise<T> {
  const endpoints = set.usable(need);
  const turns = createTurns(endpoints.length);
  const failures = new Map<number, KnownError>();
  for (;;) {
    const endpoint = endpoints[turns.current()];
    if (endpoint === undefined) throw new Error('no endpoint has the turn');
    const outcome = await orFailure(ask(endpoint));
    if (!('error' in outcome)) return outcome.value;
    const { error, lasting = false } = outcome;
    if (error.code === 'E_CANCELLED') throw error;
    failures.set(endpoint.id, error);
    const waitMs = turns.fail({ lasting, retryAfter: outcome.retryAfter });
    if (waitMs === undefined) throw allFailed(endpoints, failures);
    const next = endpoints[turns.current()];
    if (next !== undefined && next !== endpoint)
      set.failed({ from: endpoint.id, to: next.id, reason: error.message, ...judge(error, lasting) });
    if (set.signal?.aborted) throw cancelled(set.signal.reason);
    if (waitMs > 0) await pause(waitMs, set.signal);
  }
}

async function orFailure<T>(attempt: Promise<Attempt<T>>): Promise<Attempt<T> & { lasting?: boolean }> {
  try {
    return await attempt;
  } catch (error) {
    if (!(error instanceof KnownError)) throw error;
    return { error, lasting: true };
  }
}

/** The last endpoint's error; it is the one that matters, and the others are told about in the hint. */
export function allFailed(
  endpoints: readonly { readonly id: number; readonly shown: string }[],
  failures: ReadonlyMap<number, KnownError>,
): KnownError {
  const last = endpoints.findLast(({ id }) => failures.has(id));
  const error = last && failures.get(last.id);
  if (error === undefined) throw new Error('nobody was asked');
  const others = endpoints
    .filter(({ id }) => id !== last?.id && failures.has(id))
    .map(({ id, shown }) => `${shown}: ${failures.get(id)?.message}`);
  if (others.length === 0) return error;
  const hint = printable(`before that, ${others.join('; ')}`, 1000);
  return new KnownError(error.code, error.message, {
    cause: error,
    hint: error.hint === undefined ? hint : `${error.hint}; ${hint}`,
  });
}
