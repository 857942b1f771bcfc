import type { RunOptions } from '../run-options.js';
import { type HostFacts, hostFacts } from '../spec/host-facts.js';
import type { JoinedContainers } from './joined-containers.js';

/** The containers whose namespaces the options name, held until this is disposed of; nearly always none. */
export async function joinedBy(root: string, options: RunOptions): Promise<Partial<JoinedContainers> & Disposable> {
  const { network, pid, ipc, uts } = options;
  if (![network, pid, ipc, uts].some((option) => option?.startsWith('container:')))
    return { [Symbol.dispose]: () => undefined };
  const { openJoined } = await import('./joined-containers.js');
  const joined = openJoined(root, options);
  return { ...joined, [Symbol.dispose]: () => joined.close() };
}

/** The host as the container sees it: with a namespace comes the name that goes with it. */
export function hostWith({ hostname }: Partial<JoinedContainers>): HostFacts {
  return { ...hostFacts(), ...(hostname !== undefined && { hostname }) };
}
