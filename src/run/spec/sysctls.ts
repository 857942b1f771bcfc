import { KnownError } from '../../../store/errors.js';
import { printable } from '../../../store/printable.js';

/** Docker's: with a network of its own, everybody in a container may use low ports and send pings. */
export const networkDefaults: Readonly<Record<string, string>> = {
  'net.ipv4.ip_unprivileged_port_start': '0',
  'net.ipv4.ping_group_range': '0 2147483647',
};

const ipcNames = new Set([
  'kernel.msgmax',
  'kernel.msgmnb',
  'kernel.msgmni',
  'kernel.sem',
  'kernel.shmall',
  'kernel.shmmax',
  'kernel.shmmni',
  'kernel.shm_rmid_forced',
]);

export interface Sysctl {
  /** Below /proc/sys. */
  path: string;
  value: string;
}

/** Only what belongs to a namespace of the container may be set; anything else would change the host. */
export function containerSysctls(
  wanted: Readonly<Record<string, string>>,
  own: { network: boolean; ipc: boolean; uts: boolean },
): Sysctl[] {
  return Object.entries(wanted).map(([name, value]) => {
    if (!isOwn(name, own))
      throw new KnownError('E_USAGE', `sysctl "${printable(name)}" is not in a separate kernel namespace`, {
        exitCode: 125,
      });
    return { path: pathOf(name), value };
  });
}

/** As sysctl(8) reads names: the first separator says which of `.` and `/` divides the parts. */
function pathOf(name: string): string {
  if (/[./]/.exec(name)?.[0] === '/') return name;
  return name.replaceAll(/[./]/g, (sign) => (sign === '.' ? '/' : '.'));
}

function isOwn(name: string, own: { network: boolean; ipc: boolean; uts: boolean }): boolean {
  if (!/^[a-z]+([./][\w-]+)+$/i.test(name)) return false;
  const dotted = name.replaceAll('/', '.');
  if (dotted.startsWith('net.')) return own.network;
  if (ipcNames.has(dotted) || dotted.startsWith('fs.mqueue.')) return own.ipc;
  return own.uts && dotted === 'kernel.domainname';
}
