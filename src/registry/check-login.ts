/** Whether a registry takes a user and a password. */
import { STATUS_CODES } from 'node:http';
import { KnownError } from '../../store/errors.js';
import { type RegistryClientOptions, transportSettings } from './client.js';
import type { Credentials } from './credentials.js';
import { openEndpoints } from './endpoint-set.js';
import { type ApiResponse, apiRequest } from './http.js';
import { planOrigin } from './plan-origin.js';
import { shownUrl } from './shown-url.js';

export interface LoginCheck
  extends Pick<RegistryClientOptions, 'domain' | 'insecure' | 'caFiles' | 'configDir' | 'env' | 'signal'> {
  readonly credentials: Credentials;
}

const OK = 200;
const UNAUTHORIZED = 401;
const maxBytes = 1024 * 1024;

/**
 * As Docker: the root of the API is asked for, and its challenge answered. A registry that wants no login takes any.
 *
 * @throws KnownError `E_DENIED`, and the codes of registries
 */
export async function checkLogin({ credentials, ...options }: LoginCheck): Promise<void> {
  const { env = process.env, signal, domain } = options;
  const set = openEndpoints(await planOrigin({ ...options, path: '' }), {
    subject: { name: domain },
    env,
    signal,
    transport: transportSettings({ ...options, path: '' }),
    onFailover: undefined,
    credentials,
  });
  const { api } = set.byId(0);
  const { authorizer, transport } = api;
  const get = (url: URL, authorization?: string): Promise<ApiResponse> =>
    apiRequest({
      method: 'GET',
      url,
      headers: { 'user-agent': 'tspull', ...(authorization !== undefined && { authorization }) },
      maxBytes,
      transport,
      signal,
    });
  try {
    await api.endpoint.request(async (base) => {
      const first = await get(base);
      const challenge = first.headers['www-authenticate'];
      const isChallenged = first.status === UNAUTHORIZED && challenge !== undefined;
      const authorization = isChallenged ? await authorizer.answer(base, challenge, undefined) : undefined;
      const { status } = authorization === undefined ? first : await get(base, authorization);
      if (status === OK) return;
      const text = `${status} ${STATUS_CODES[status] ?? ''}`.trim();
      throw new KnownError('E_DENIED', `login attempt to ${shownUrl(base)} failed with status: ${text}`, {
        hint: 'check the user and the password',
      });
    });
  } finally {
    set.close();
  }
}
