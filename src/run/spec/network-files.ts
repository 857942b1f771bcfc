/** The texts of /etc/hosts and /etc/resolv.conf in a container that has a network namespace of its own. */

const localNames = [
  '127.0.0.1\tlocalhost',
  '::1\tlocalhost ip6-localhost ip6-loopback',
  'fe00::0\tip6-localnet',
  'ff00::0\tip6-mcastprefix',
  'ff02::1\tip6-allnodes',
  'ff02::2\tip6-allrouters',
];

/** @param extraHosts `name:address`; the address may itself contain colons */
export function hostsFile(extraHosts: readonly string[]): string {
  return [...localNames, ...extraHosts.map(hostLine)].map((line) => `${line}\n`).join('');
}

/** The host's own file with the extra names, for a container in the host's network. */
export function hostsFileOfHost(text: string, extraHosts: readonly string[]): string {
  const end = text === '' || text.endsWith('\n') ? '' : '\n';
  return `${text}${end}${extraHosts.map((entry) => `${hostLine(entry)}\n`).join('')}`;
}

function hostLine(entry: string): string {
  const end = entry.search(/[:=]/);
  return `${entry.slice(end + 1).replace(/^\[(.*)\]$/, '$1')}\t${entry.slice(0, end)}`;
}

/**
 * The host's resolv.conf, or with servers or domains of the caller a new one. Servers on the host's loopback are left out
 * unless the network is the host's: nobody answers there.
 */
export function resolvConf(
  host: string,
  wanted: { dns: readonly string[]; search: readonly string[]; hostNetwork: boolean },
): string {
  const lines = host.split('\n');
  if (wanted.dns.length === 0 && wanted.search.length === 0)
    return lines.filter((line) => wanted.hostNetwork || !isLoopbackServer(line)).join('\n');
  const inherited = (word: string): string[] =>
    lines.filter((line) => line.startsWith(word)).map((line) => line.trim());
  const search =
    wanted.search.length > 0 ? wanted.search.filter((name) => name !== '.').map((name) => name) : undefined;
  return [
    ...(search === undefined ? inherited('search') : search.length > 0 ? [`search ${search.join(' ')}`] : []),
    ...(wanted.dns.length > 0 ? wanted.dns.map((server) => `nameserver ${server}`) : inherited('nameserver')),
    ...inherited('options'),
    '',
  ].join('\n');
}

function isLoopbackServer(line: string): boolean {
  return /^\s*nameserver\s+(127\.|::1\s*$)/.test(line);
}
