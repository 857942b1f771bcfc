import { cstring } from '../../../store/linux/libc.js';
import type { ContainerSpec } from '../spec/container-spec.js';
import { networkDefaults } from '../spec/sysctls.js';
import type { Program } from '../stage2/program.js';
import { AF_INET, IFF_UP, KEYCTL_JOIN_SESSION_KEYRING, SIOCSIFFLAGS, SOCK_DGRAM } from './constants.js';
import { writeKernelFile } from './write-file.js';

/** What belongs to the container's namespaces: names, the loopback device, kernel parameters; and its own keyring. */
export function addSystemSettings(program: Program, spec: ContainerSpec): void {
  if (spec.own.uts) {
    const name = spec.hostname;
    program.call('sethostname', [name, Buffer.byteLength(name)], name);
    if (spec.domainname !== undefined)
      program.call('setdomainname', [spec.domainname, Buffer.byteLength(spec.domainname)], spec.domainname);
  }
  if (spec.own.network) {
    addLoopback(program);
    for (const [name, value] of Object.entries(networkDefaults))
      writeKernelFile(program, `/proc/sys/${name.replaceAll('.', '/')}`, value, { ignore: true });
  }
  for (const { path, value } of spec.sysctls) writeKernelFile(program, `/proc/sys/${path}`, value);
  // Keyrings have no namespaces: without this the container would share the caller's session keyring. Kernels without
  // keyrings have nothing to share.
  program.call('keyctl', [KEYCTL_JOIN_SESSION_KEYRING, `_ses.${spec.id}`], 'the session keyring', { ignore: true });
}

/** struct ifreq of linux/if.h: a name of 16 bytes, then flags. */
function addLoopback(program: Program): void {
  const request = Buffer.alloc(40);
  cstring('lo').copy(request);
  request.writeUInt16LE(IFF_UP, 16);
  const socket = program.slot();
  program.call('socket', [AF_INET, SOCK_DGRAM, 0], '', { save: socket });
  program.call('ioctl', [socket, SIOCSIFFLAGS, program.bytes(request)], 'the loopback device');
  program.call('close', [socket]);
}
