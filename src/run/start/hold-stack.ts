/**
 * The layers of an image while a container has them mounted: nobody may swap or remove one of them (a repair would delete the files below
 * the container), and one that a power cut may have damaged is proven first.
 */
import { KnownError } from '../../../store/errors.js';
import type { HeldLock } from '../../../store/fs/lock.js';
import { readChain } from '../../../store/layers/layer-db.js';
import { holdLayer } from '../../../store/layers/lease.js';
import { markProven, unprovenOf } from '../../../store/layers/unproven.js';
import type { ChainId } from '../../../store/oci/digest.js';
import { printable } from '../../../store/printable.js';

/** @throws KnownError E_STORE for a layer that is missing or damaged */
export async function holdStack(root: string, top: ChainId | undefined): Promise<Disposable> {
  const leases: HeldLock[] = [];
  const release = () => {
    for (const lease of leases) lease.release();
  };
  try {
    const layers = top === undefined ? [] : chainOf(root, top);
    for (const chainId of layers) leases.push(await holdLayer(root, chainId, 'shared'));
    for (const chainId of unprovenOf(root, layers)) await prove(root, chainId);
    return { [Symbol.dispose]: release };
  } catch (error) {
    release();
    throw error;
  }
}

function chainOf(root: string, top: ChainId): ChainId[] {
  const chain = readChain(root, top);
  if (chain !== undefined) return chain.map(({ chainId }) => chainId);
  throw new KnownError('E_STORE', `a layer below ${top} is missing`, {
    hint: '`tsimage fsck --repair` brings it again',
    exitCode: 125,
  });
}

async function prove(root: string, chainId: ChainId): Promise<void> {
  const { proveLayer } = await import('../../../store/upkeep/prove-layer.js');
  const { isGood, fault } = proveLayer(root, chainId);
  if (isGood) {
    markProven(root, chainId);
    return;
  }
  const where = fault?.name === undefined ? '' : `: "${printable(Buffer.from(fault.name, 'latin1').toString(), 300)}"`;
  throw new KnownError(
    'E_STORE',
    `layer ${chainId} was pulled shortly before the machine went down, and it is damaged${where}`,
    { hint: '`tsimage fsck --repair`, or a pull of the image, brings it again', exitCode: 125 },
  );
}
