import type { IncomingMessage } from 'node:http';

const maxBytes = 64 * 1024;
const maxMs = 10_000;

/** The beginning of an error answer, whatever becomes of the rest. */
export function readError(response: IncomingMessage): Promise<Buffer> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let length = 0;
    const finish = () => {
      clearTimeout(timer);
      response.destroy();
      resolve(Buffer.concat(chunks).subarray(0, maxBytes));
    };
    const timer = setTimeout(finish, maxMs);
    response.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      length += chunk.length;
      if (length >= maxBytes) finish();
    });
    response.once('end', finish);
    response.on('error', finish);
    response.once('close', finish);
  });
}
