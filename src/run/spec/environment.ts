/** The default of dockerd. */
export const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/**
 * The environment of a container, in Docker's order: PATH, HOSTNAME, TERM for a terminal, then the caller's variables and
 * those of the image that the caller did not set. A variable keeps the place where it came first and takes the last value;
 * an entry without `=` removes the variable. Nothing of the calling process gets in.
 */
export function containerEnvironment(from: {
  image: readonly string[];
  options: readonly string[];
  hostname: string;
  tty: boolean;
}): string[] {
  const named = new Set(from.options.map(nameOf));
  const wanted = [...from.options, ...from.image.filter((entry) => !named.has(nameOf(entry)))];
  const result = new Map([
    ['PATH', DEFAULT_PATH],
    ['HOSTNAME', from.hostname],
  ]);
  if (from.tty) result.set('TERM', 'xterm');
  for (const entry of wanted) {
    const name = nameOf(entry);
    if (entry.includes('=')) result.set(name, entry.slice(name.length + 1));
    else result.delete(name);
  }
  return Array.from(result, ([name, value]) => `${name}=${value}`);
}

function nameOf(entry: string): string {
  const end = entry.indexOf('=');
  return end < 0 ? entry : entry.slice(0, end);
}

export function variable(environment: readonly string[], name: string): string | undefined {
  return environment.find((entry) => nameOf(entry) === name)?.slice(name.length + 1);
}
