/** Changing the limits and the restart policy of a container, running or not. */
import { KnownError } from '../../store/errors.js';
import type { RestartPolicy } from '../containers/container-record.js';
import { recordEvent } from '../containers/events/journal.js';
import { containerLimits } from '../run/cgroup/limits.js';
import type { RunOptions } from '../run/run-options.js';
import { hostFacts } from '../run/spec/host-facts.js';
import { ask, changeAtRest, find } from './ask.js';

/** Other limits, and another policy. They are checked against this machine first, as those of a new container. */
export async function updateContainer(
  root: string,
  name: string,
  change: { options: Partial<RunOptions>; restart?: RestartPolicy },
): Promise<void> {
  const record = find(root, name);
  const { request } = record;
  if (request === undefined) throw new KnownError('E_CONFLICT', `the container ${record.id} was made for one run`);
  if (record.autoRemove && change.restart !== undefined && change.restart.name !== 'no')
    throw new KnownError(
      'E_CONFLICT',
      `Cannot update container ${record.id}: Restart policy cannot be updated because AutoRemove is enabled for the container`,
    );
  const options = keepSwap(request.options, change.options);
  containerLimits({ ...request.options, ...options }, hostFacts());
  const { restart } = change;
  await ask(
    root,
    record,
    async (client) => void (await client.request({ do: 'update', options, ...(restart && { restart }) })),
    () =>
      changeAtRest(root, record.id, {
        request: { ...request, options: { ...request.options, ...options } },
        ...(restart && { restart }),
      }),
  );
  recordEvent(root, record, 'update');
}

/** The limit of memory and swap together stays what it is, unless it is given: as much swap as there was memory at first. */
function keepSwap(now: RunOptions, change: Partial<RunOptions>): Partial<RunOptions> {
  const total = now.memorySwap || 2 * (now.memory ?? 0);
  if (change.memory === undefined || change.memorySwap !== undefined || total === 0) return change;
  if (total > 0 && change.memory > total)
    throw new KnownError(
      'E_USAGE',
      'Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time',
    );
  return { ...change, memorySwap: total };
}
