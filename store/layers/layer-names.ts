/** The names of a layer's directory and of its short link: at random as dockerd makes them, or the same ones every time. */
import { randomId, randomLinkId } from '../fs/random-id.js';
import { type ChainId, digestOf, hexOf } from '../oci/digest.js';

export interface LayerNames {
  cacheId: string;
  link: string;
}

export function randomNames(): LayerNames {
  return { cacheId: randomId(), link: randomLinkId() };
}

const base32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

/** For roots that shall be equal when they are made again. No two layers of a root have one chainID. */
export function namesFrom(chainId: ChainId): LayerNames {
  const link = Buffer.from(hexOf(digestOf(`link of ${chainId}`)), 'hex').subarray(0, 26);
  // A short id of decimals only could be taken for a number.
  const cacheId = hexOf(digestOf(`cache-id of ${chainId}`)).replace(/^[0-9]{12}/, (digits) => `f${digits.slice(1)}`);
  return { cacheId, link: Array.from(link, (byte) => base32.charAt(byte % base32.length)).join('') };
}
