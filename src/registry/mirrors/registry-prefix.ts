/**
 * Which `[[registry]]` table of `registries.conf` a name belongs to, by the rules of containers' tools: the name without
 * tag or digest counts. Ports differ, about which theirs end in malformed names: a host without a port does not stand for
 * the host with one, and a wildcard stands for the whole host, port included.
 */

/** How much of `name` the prefix matches; undefined when it does not. Both have no trailing slash. */
export function matchedLength(name: string, prefix: string): number | undefined {
  if (prefix.startsWith('*.')) return subdomainLength(name, prefix.slice(1));
  const next = name.charAt(prefix.length);
  return name.startsWith(prefix) && (next === '' || next === '/') ? prefix.length : undefined;
}

/** `.example.com` matches `a.b.example.com:5000` of `a.b.example.com:5000/x`. */
function subdomainLength(name: string, suffix: string): number | undefined {
  const [host, bare = ''] = /^([^/:]*)(?::\d+)?(?=\/|$)/.exec(name) ?? [];
  return bare.length > suffix.length && bare.endsWith(suffix) ? host?.length : undefined;
}

/**
 * The item with the longest prefix that matches, and how much of the name that is. Between prefixes of one length the first
 * in the order of characters wins, as with containers' tools.
 */
export function longestMatch<T extends { readonly prefix: string }>(
  name: string,
  items: readonly T[],
): { readonly item: T; readonly length: number } | undefined {
  let best: { item: T; length: number } | undefined;
  for (const item of [...items].sort((a, b) => (a.prefix < b.prefix ? -1 : 1))) {
    const length = matchedLength(name, item.prefix);
    if (length !== undefined && item.prefix.length > (best?.item.prefix.length ?? 0)) best = { item, length };
  }
  return best;
}
