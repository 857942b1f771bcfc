/** Where an upload goes on: a registry says it by Location, and may name another host, which gets no credentials. */
import { KnownError } from '../../../store/errors.js';
import { nextHop } from '../redirect.js';
import { shownUrl } from '../shown-url.js';

export interface Place {
  readonly url: URL;
  /** Of another origin than the registry, or named by one that is. */
  readonly isForeign: boolean;
}

/** @throws KnownError `E_REGISTRY` for one that is not safe to go to */
export function placeAfter({ url, isForeign }: Place, location: string | undefined): Place {
  if (location === undefined || location === '')
    throw new KnownError('E_REGISTRY', `"${shownUrl(url)}": the answer does not say where the upload goes on`, {
      hint: 'tell whoever runs the registry',
    });
  // An upload may well stay where it is, which is no circle.
  const next = nextHop({ url, foreign: isForeign, visited: [] }, location);
  return { url: next.url, isForeign: next.foreign };
}
