/** The tags of a repository, page by page (distribution-spec, "Listing Tags"). */
import { KnownError } from '../../store/errors.js';
import { type Api, apiGet } from './api.js';

const maxPages = 1000;
const maxTags = 1_000_000;
const maxPageBytes = 8 * 1024 * 1024;

export async function listTags(api: Api, name: string): Promise<string[]> {
  const tags = new Set<string>();
  const own = 'tags/list';
  let path: string | undefined = own;
  for (let page = 0; path !== undefined; page++) {
    if (page >= maxPages || tags.size > maxTags)
      throw new KnownError('E_REGISTRY', `the list of tags of ${name} does not end`);
    const { body, headers } = await apiGet(api, { path, maxBytes: maxPageBytes, subject: { name } });
    const before = tags.size;
    for (const tag of parseTags(body, name)) tags.add(tag);
    // A page without news would be asked for again for ever.
    path = tags.size === before ? undefined : nextPage(headers['link'], own);
  }
  return [...tags];
}

function parseTags(body: Buffer, name: string): string[] {
  let list: unknown;
  try {
    list = JSON.parse(body.toString('utf8'))?.tags ?? [];
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause;
    throw new KnownError('E_REGISTRY', `the list of tags of ${name} is not JSON`, { cause });
  }
  if (!Array.isArray(list) || !list.every((tag) => typeof tag === 'string' && /^\w[\w.-]{0,127}$/.test(tag)))
    throw new KnownError('E_REGISTRY', `the list of tags of ${name} holds something that is no tag`);
  return list;
}

/** The `next` page of a Link header (RFC 8288). Only its query is taken: where the tags are is known, whatever it says. */
function nextPage(link: string | string[] | undefined, own: string): string | undefined {
  const target = /<([^>]*)>\s*;[^,]*\brel="?next"?/i.exec(Array.isArray(link) ? link.join(', ') : (link ?? ''))?.[1];
  const query = target?.replace(/#.*$/, '').match(/\?.*$/)?.[0];
  return query === undefined ? undefined : `${own}${query}`;
}
