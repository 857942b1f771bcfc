/** Where a registry may send us, with credentials in hand, to fetch a token. */
import { KnownError } from '../../store/errors.js';
import { printable } from '../../store/printable.js';
import { addressKind } from './address.js';

const maxLength = 2048;

/**
 * Checks the realm of a Bearer challenge (CVE-2026-33540 and its kind). Another public host is fine, Docker Hub needs
 * that. An internal address is fine only when it is the registry's own host and port: otherwise a registry could have
 * us knock at doors that it cannot reach itself.
 *
 * @throws KnownError `E_REGISTRY`
 */
export function checkRealm(realm: string | undefined, registry: URL): URL {
  const url = realm !== undefined && realm.length <= maxLength && URL.canParse(realm) ? new URL(realm) : undefined;
  if (url === undefined || /[\u0000-\u0020\u007f\\]/.test(realm ?? '')) throw refuse(realm, registry, 'is not a URL');
  if (url.protocol !== 'https:' && url.protocol !== 'http:') throw refuse(realm, registry, 'is neither https nor http');
  if (url.protocol === 'http:' && registry.protocol === 'https:') throw refuse(realm, registry, 'is not https');
  if (url.username !== '' || url.password !== '') throw refuse(realm, registry, 'has a user or password in it');
  if (url.hash !== '' || realm?.includes('#')) throw refuse(realm, registry, 'has a fragment');
  const kind = addressKind(url.hostname);
  if (kind !== 'name' && kind !== 'public' && url.host !== registry.host)
    throw refuse(realm, registry, `is the internal address ${url.host}, not the registry itself`);
  return url;
}

function refuse(realm: string | undefined, registry: URL, problem: string): KnownError {
  const shown = printable((realm ?? '').replace(/\/\/[^/@]*@/, '//***@'), 200);
  return new KnownError(
    'E_REGISTRY',
    `registry ${registry.host} sends us for a token to "${shown}", which ${problem}`,
    {
      hint: 'no credentials were sent there: tell whoever runs the registry',
    },
  );
}
