/** How long the parts of a request take until the head of its answer is there. */
import type { ClientRequest } from 'node:http';
import type { Socket } from 'node:net';

export type RequestPhase = 'dnsMs' | 'connectMs' | 'tlsMs' | 'firstByteMs';

/** Is told the milliseconds of a phase when it is over. */
export type OnPhase = (phase: RequestPhase, ms: number) => void;

export function timePhases(request: ClientRequest, onPhase: OnPhase): void {
  let since = performance.now();
  const ends = (phase: RequestPhase) => () => {
    const now = performance.now();
    onPhase(phase, now - since);
    since = now;
  };
  request.once('socket', (socket: Socket) => {
    // Through a proxy the connection stands already.
    ends('connectMs')();
    if (request.reusedSocket) return;
    socket.once('lookup', ends('dnsMs'));
    socket.once('connect', ends('connectMs'));
    socket.once('secureConnect', ends('tlsMs'));
  });
  request.once('response', ends('firstByteMs'));
}
