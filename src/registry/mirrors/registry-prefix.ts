/**
 * Which `[[registry]]` table of `registries.conf` a name belongs to, by the rules of containers' tools. Two differ from
 * theirs: a host without a port does not stand for the host with one, and tables are chosen by the name without its tag.
 */

/** How much of `name` the prefix matches; undefined when it does not. Both have no trailing slash. */
export function matchedLength(name: string, prefix: string): number | undefined {
  if (prefix.startsWith('*.')) return subdomainLength(name, prefix.slice(1));
  const next = name.charAt(prefix.length);
  return name.startsWith(prefix) && (next === '' || next === '/') ? prefix.length : undefined;
}

/** `.example.com` matches the host of `a.b.example.com:5000/x`, without the port. */
function subdomainLength(name: string, suffix: string): number | undefined {
  const [host = ''] = /^[^/:]*/.exec(name) ?? [];
  return host.length > suffix.length && host.endsWith(suffix) ? host.length : undefined;
}

/**
 * The item with the longest match. Between equals the first in the order of characters wins, which prefers a wildcard to
 * the very host: so do containers' tools.
 */
export function longestMatch<T extends { readonly prefix: string }>(
  name: string,
  items: readonly T[],
): { readonly item: T; readonly length: number } | undefined {
  let best: { item: T; length: number } | undefined;
  for (const item of [...items].sort((a, b) => (a.prefix < b.prefix ? -1 : 1))) {
    const length = matchedLength(name, item.prefix);
    if (length !== undefined && length > (best?.length ?? 0)) best = { item, length };
  }
  return best;
}
