/**
 * Finds out that a port of this machine does not speak TLS, with the first message of a handshake over a bare connection. The answer is the
 * same that an attempt at TLS brings, but Node's TLS, which nobody needs then, is not loaded: a third of a pull that finds everything up
 * to date.
 */
import { connect } from 'node:net';
import { addressKind, bareAddress } from './address.js';

/** A server of this machine that takes longer is left to the usual way. */
const PATIENCE_MS = 500;

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');
const withLength = (body: Buffer, bytes: 2 | 3): Buffer => {
  const length = Buffer.alloc(bytes);
  length.writeUIntBE(body.length, 0, bytes);
  return Buffer.concat([length, body]);
};

/** RFC 5246 section 7.4.1.2: TLS 1.2, ciphers and curves that every server knows. */
function clientHello(): Buffer {
  const ciphers = withLength(hex('c02f c030 c02b c02c 009c 002f'), 2);
  // supported_groups, ec_point_formats, signature_algorithms. The number of the first is a line feed, which ends a request line.
  const extensions = withLength(hex('000a 0006 0004 001d 0017  000b 0002 0100  000d 000a 0008 0403 0804 0401 0201'), 2);
  const body = Buffer.concat([hex('0303'), Buffer.alloc(32, 0x74), hex('00'), ciphers, hex('0100'), extensions]);
  const message = Buffer.concat([hex('01'), withLength(body, 3)]);
  return Buffer.concat([hex('16 0301'), withLength(message, 2)]);
}

/** Content types of the record with which a TLS server answers: alert or handshake. */
const tlsRecords: readonly (number | undefined)[] = [0x15, 0x16];

/**
 * True when a server at `url`, on this machine and so reached without a proxy, answers a handshake with something else than TLS. False
 * means that nothing is known.
 */
export async function isPlainHere(url: URL): Promise<boolean> {
  if (url.protocol !== 'https:' || addressKind(url.hostname) !== 'loopback') return false;
  return new Promise((resolve) => {
    const socket = connect({ host: bareAddress(url.hostname), port: Number(url.port || 443) });
    const end = (isPlain: boolean) => {
      socket.destroy();
      resolve(isPlain);
    };
    socket.setTimeout(PATIENCE_MS, () => end(false));
    // It may refuse the connection, or break it: only an attempt at TLS brings the error to be told.
    socket.once('error', () => end(false));
    socket.once('end', () => end(false));
    socket.once('data', ([first]: Buffer) => end(!tlsRecords.includes(first)));
    socket.write(clientHello());
  });
}
