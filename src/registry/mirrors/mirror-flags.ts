/** Mirrors that the user names: `URL`, or `REGISTRY=URL` for one registry only. */
import { KnownError } from '../../../store/errors.js';
import { printable } from '../../../store/printable.js';
import { originEndpoint, type PlannedEndpoint, type RepositoryName } from '../endpoint-plan.js';
import { apiRoot, loginDomain, parseApiUrl } from './api-url.js';

/** @param insecure - what is named together with it may be insecure. @throws KnownError `E_USAGE` */
export function mirrorsNamed(
  mirrors: readonly string[],
  { domain, path }: RepositoryName,
  insecure: boolean,
): PlannedEndpoint[] {
  return mirrors.flatMap((text) => {
    const [, registry, address = text] = /^([^=/]+)=(.*)$/.exec(text) ?? [];
    if (registry !== undefined && registry !== domain) return [];
    const url = parseMirror(address);
    const origin = originEndpoint({ domain: url.host, path }, insecure);
    const from = { file: undefined, line: undefined, section: '--mirror' };
    return [{ ...origin, bases: [apiRoot(url, false)], domain: loginDomain(url), namespace: domain, from }];
  });
}

function parseMirror(text: string): URL {
  try {
    return parseApiUrl(text, { file: '--mirror', line: undefined, section: '--mirror' });
  } catch (error) {
    if (!(error instanceof KnownError)) throw error;
    const shown = printable(text.replace(/\/\/[^/@]*@/, '//***@'), 200);
    throw new KnownError('E_USAGE', `"${shown}" is no URL of a mirror`, {
      hint: 'a mirror is named as https://HOST[:PORT][/PATH], or REGISTRY=https://… for one registry',
    });
  }
}
